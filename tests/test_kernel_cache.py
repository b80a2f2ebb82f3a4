"""Where compiled kernels are kept, and what happens where nothing can be kept."""

import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import pytest

from cofactor.kernels.compilation import kernel_cache
from cofactor.kernels.compilation.kernel_cache import KernelCache, NoCache, is_private, private_folder

SOURCE = """
from cofactor.kernels.compilation.compile import compiled

@compiled(cache=True)
def add(a: int, b: int) -> int:
    return a + b
"""
Load = Callable[[], Any]


@pytest.fixture(autouse=True)
def forget_what_was_said() -> Iterator[None]:
    yield
    for one in (kernel_cache.private_folder, kernel_cache.announce_compilation, kernel_cache._warn):
        one.cache_clear()


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Load:
    """Loads a module with one kernel as a new process would, where neither its folder nor the home can be written."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one_kernel.py").write_text(SOURCE)
    (tmp_path / "source" / "__pycache__").touch()
    (tmp_path / "home").touch()  # a file: no folder can be made in it
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    (tmp_path / "temporary").mkdir()
    caplog.set_level(logging.INFO, "cofactor.kernels")

    def load() -> Any:
        for one in (kernel_cache.private_folder, kernel_cache.announce_compilation, kernel_cache._warn):
            one.cache_clear()
        caplog.clear()
        spec = importlib.util.spec_from_file_location("one_kernel", tmp_path / "source" / "one_kernel.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.add

    return load


def test_kernels_are_kept_in_a_private_temporary_folder(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert load()(2, 3) == 5
    assert caplog.messages == ["compiling kernels, once; this takes some seconds"]
    (folder,) = (tmp_path / "temporary").iterdir()
    assert folder == private_folder()
    assert is_private(folder)
    assert len(list(folder.rglob("*.nbc"))) == 1
    assert load()(2, 3) == 5
    assert caplog.messages == []
    assert numba.config.CACHE_DIR == ""


def open_to_all(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)


def link(folder: Path) -> None:
    (folder.parent / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to("elsewhere")


def file(folder: Path) -> None:
    folder.touch()


def of_somebody_else(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 1, 1)


@pytest.mark.parametrize("occupy", [open_to_all, link, file, of_somebody_else])
def test_a_folder_that_others_may_write_to_is_not_used(
    occupy: Callable[[Path], None], load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "temporary" / f"cofactor-kernels-{os.getuid()}"
    try:
        occupy(folder)
    except PermissionError:
        pytest.skip("only root gives files away")
    assert load()(2, 3) == 5
    assert caplog.messages == [
        "there is no place to keep compiled kernels, so each process compiles them; NUMBA_CACHE_DIR can name one",
        "compiling kernels, once; this takes some seconds",
    ]
    assert not [*tmp_path.rglob("*.nbi")]
    assert isinstance(load()._cache, NoCache)


def test_a_folder_that_is_named_is_used(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "named"))
    load()(2, 3)
    assert len(list((tmp_path / "named").rglob("*.nbi"))) == 1
    assert not [*(tmp_path / "temporary").iterdir()]


def test_the_folder_of_the_source_and_the_users_cache_come_before_it(load: Load, tmp_path: Path) -> None:
    (tmp_path / "home").unlink()
    load()(2, 3)
    assert len(list((tmp_path / "home").rglob("*.nbi"))) == 1
    (tmp_path / "source" / "__pycache__").unlink()
    load()(2, 3)
    assert len(list((tmp_path / "source").rglob("*.nbi"))) == 1


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc"])
def test_a_damaged_file_is_compiled_again(
    pattern: str, load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load()(2, 3)
    (damaged,) = (tmp_path / "temporary").rglob(pattern)
    damaged.write_bytes(b"\x80\x05garbage")
    assert load()(2, 3) == 5
    assert caplog.messages == ["compiling kernels, once; this takes some seconds"]
    assert load()(2, 3) == 5
    assert caplog.messages == []


def test_a_disk_that_becomes_full_stops_nothing(load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    add = load()
    assert isinstance(add._cache, KernelCache)
    folder = Path(add._cache.cache_path)
    folder.rmdir()
    folder.touch()  # as little can be written below a file as on a full disk
    assert add(2, 3) == 5
    assert "compiled kernels cannot be kept in" in caplog.messages[-1]


def test_somebody_at_a_terminal_is_told(load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logging.getLogger("cofactor.kernels").setLevel(logging.WARNING)
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal, os.fdopen(leader, "rb") as screen:
        monkeypatch.setattr("sys.stderr", terminal)
        load()(2, 3)
        terminal.flush()
        assert screen.readline().strip() == b"cofactor: compiling kernels, once; this takes some seconds"


def test_a_training_process_passes_on_that_it_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from cofactor.data.splitting.split import save_split, split
    from cofactor.experiments.subprocess_training import TrainingRequest, train_in_subprocess
    from cofactor.trainers.svd import SVD
    from tests.toys import noise

    save_split(split(noise(), validation=0), tmp_path / "parts")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    caplog.set_level(logging.INFO, "cofactor.kernels")
    for said in ("compiling kernels, once; this takes some seconds",), ():
        kernel_cache.announce_compilation.cache_clear()
        caplog.clear()
        train_in_subprocess(TrainingRequest(SVD(rank=2, n_epochs=1), tmp_path / "parts", tmp_path / "model"))
        assert tuple(caplog.messages) == said
