"""A model folder is judged before it is read, and loading it can be stopped."""

import logging
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from cofactor import machine
from cofactor.errors import BadArtifact, BadData, Unavailable
from cofactor.saved import manifest as manifests
from cofactor.saved.model_folder import load, save
from cofactor.serving.folder_watcher import every
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.model_registry import LOAD_WAIT, BadCandidate, ModelRegistry
from cofactor.serving.server_config import ServerConfig
from tests.small_service import model
from tests.sparse_files import add_empty_array, edit_manifest, make_hole

HUGE = 1 << 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(model(), tmp_path / "m", trainer="svd")
    return tmp_path / "m"


@pytest.fixture
def registry(folder: Path) -> ModelRegistry:
    opened = ModelRegistry.open(ServerConfig(models=(("m", folder),)))
    opened.check_folders()
    return opened


def replace_folder(folder: Path, source: Path) -> None:
    folder.rename(folder.with_name("old"))
    source.rename(folder)
    shutil.rmtree(folder.with_name("old"))


@pytest.mark.parametrize("name", ["README.md", "users.parquet", "items.parquet", "model.safetensors"])
def test_a_hole_of_a_terabyte_is_refused_before_it_is_read(folder: Path, name: str) -> None:
    make_hole(folder, name, HUGE)
    started = time.process_time()
    with pytest.raises(BadArtifact, match=rf"{name} is 1,099,511,627,776 bytes long; what the manifest describes"):
        load(folder)
    assert time.process_time() - started < 0.2


def test_arrays_that_the_manifest_describes_are_bounded_by_the_memory_of_the_machine(folder: Path) -> None:
    add_empty_array(folder, 1 << 40)
    with pytest.raises(BadArtifact, match=r"4096\.0 GiB long, this machine has \d+\.\d GiB of memory"):
        load(folder)
    assert 0 < machine.total_memory() < 1 << 42


def test_rows_and_shapes_that_no_arrays_have_are_refused(folder: Path) -> None:
    edit_manifest(folder, counts={"users": 1 << 50})
    with pytest.raises(BadArtifact, match=r"too short for the 1,125,899,906,842,624 rows of users\.parquet"):
        load(folder)
    for shape in ([-1], ["3"], [2.0], [True]):
        edit_manifest(folder, arrays={"extra": {"dtype": "float32", "shape": shape, "sha256": ""}})
        with pytest.raises(BadArtifact, match="describes 'extra' of its arrays in an unknown way"):
            load(folder)


@pytest.mark.parametrize("name", ["README.md", "users.parquet", "model.safetensors", "manifest.json"])
def test_pipes_are_refused_at_once(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BadArtifact, match=r"is not a regular file|is not a saved model"):
        load(folder)


def test_a_file_replaced_by_a_pipe_after_it_was_judged_is_not_waited_for(folder: Path) -> None:
    from cofactor.atomic_folders import sha256

    os.mkfifo(folder / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        sha256(folder / "pipe")


def test_a_manifest_too_long_to_be_read_back_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"manifest\.json would have .* bytes"):
        save(model(), tmp_path / "m", trainer="svd", note="x" * manifests.MAX_BYTES)
    assert list(tmp_path.iterdir()) == []


class Loading:
    """`check_folders` in a thread, while it hashes an array that takes minutes."""

    def __init__(self, registry: ModelRegistry, folder: Path) -> None:
        save(model(mean=3.5), folder.with_name("next"), trainer="svd")
        add_empty_array(folder.with_name("next"), machine.total_memory() // 8)
        replace_folder(folder, folder.with_name("next"))
        self.thread = threading.Thread(target=registry.check_folders, daemon=True)
        self.thread.start()
        self.thread.join(0.2)
        assert self.thread.is_alive()


def test_stopping_does_not_wait_for_a_load(registry: ModelRegistry, folder: Path) -> None:
    loading = Loading(registry, folder)
    started = time.monotonic()
    registry.check_folders()  # returns at once while another call goes on
    assert time.monotonic() - started < 0.5
    registry.close()
    loading.thread.join(5)
    assert not loading.thread.is_alive()
    with pytest.raises(Unavailable, match="stopping"):
        registry.reload()
    assert registry.failures == {}


def test_a_good_model_takes_over_while_a_bad_one_is_being_read(registry: ModelRegistry, folder: Path) -> None:
    loading = Loading(registry, folder)
    save(model(mean=2.5), folder.with_name("good"), trainer="svd")
    replace_folder(folder, folder.with_name("good"))
    loading.thread.join(10)
    assert not loading.thread.is_alive()
    registry.check_folders()
    assert registry.service().loaded_model.model.mean == 2.5


def test_the_end_of_regular_calls_does_not_wait_for_a_long_one() -> None:
    held = threading.Event()
    started = time.monotonic()
    with every(0.01, held.wait):
        time.sleep(0.1)
    assert time.monotonic() - started < 3
    held.set()


def test_one_model_is_loaded_at_a_time(registry: ModelRegistry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LOAD_WAIT > 1
    monkeypatch.setattr("cofactor.serving.model_registry.LOAD_WAIT", 0.1)
    Loading(registry, folder)
    with pytest.raises(Unavailable, match="another model is being loaded"):
        registry.reload()
    registry.stop_loading()


def test_a_bad_model_is_tried_and_logged_once_and_a_good_one_is_picked_up(
    registry: ModelRegistry, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, reloads = registry.versions(), []
    registry.on_reload(lambda *reload: reloads.append(reload))
    make_hole(folder, "README.md", HUGE)
    with caplog.at_level(logging.INFO, "cofactor.serving"):
        for _ in range(3):
            registry.check_folders()
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    assert reloads == [("m", "refused")]
    assert registry.versions() == before
    assert "README.md" in registry.failures["m"]
    with pytest.raises(BadCandidate, match=r"README\.md"):
        registry.reload()
    save(model(mean=2.5), folder.with_name("good"), trainer="svd")
    replace_folder(folder, folder.with_name("good"))
    registry.check_folders()
    assert registry.service().loaded_model.model.mean == 2.5
    assert registry.failures == {}


def test_a_folder_that_is_copied_slowly_is_served_when_it_is_complete(
    registry: ModelRegistry, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(model(mean=2.5), tmp_path / "source", trainer="svd")
    shutil.rmtree(folder)
    folder.mkdir()
    arrays = (tmp_path / "source" / "model.safetensors").read_bytes()
    for name in ("manifest.json", "README.md", "users.parquet", "items.parquet"):
        shutil.copy(tmp_path / "source" / name, folder / name)
        registry.check_folders()
    for n in (100, 200, 300, len(arrays)):
        (folder / "model.safetensors").write_bytes(arrays[:n])
        registry.check_folders()
    assert registry.service().loaded_model.model.mean == 2.5
    assert 1 <= len([one for one in caplog.records if "stays at version" in one.message]) <= 5  # not one for each look


def test_an_exception_between_blocks_ends_a_load(folder: Path) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        LoadedModel.open(folder, stop)
