"""What `import cofactor` gives, and what it costs; and that a wheel has all of it."""

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import cofactor
import cofactor.trainers
from cofactor.trainers import TRAINERS, Trainer

ROOT = Path(__file__).parent.parent
HEAVY = ("numba", "torch", "duckdb", "fastapi", "pandas")


def loaded_by(code: str) -> set[str]:
    """The modules in memory after a program has run in a process of its own."""
    report = f"{code}\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", cofactor.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert callable(getattr(cofactor, name))
    assert name in dir(cofactor)


def test_type_checkers_see_every_public_name() -> None:
    tree = ast.parse(Path(cofactor.__file__).read_text(encoding="utf-8"))
    (block,) = (one for one in tree.body if isinstance(one, ast.If))
    seen = {name.asname: one.module for one in block.body if isinstance(one, ast.ImportFrom) for name in one.names}
    assert seen == {name: getattr(cofactor, name).__module__ for name in cofactor.__all__}


@pytest.mark.parametrize("trainer", TRAINERS.values())
def test_every_trainer_is_exported_with_the_others(trainer: type[Trainer]) -> None:
    assert getattr(cofactor.trainers, trainer.__name__) is trainer
    assert trainer.__name__ in cofactor.trainers.__all__
    assert getattr(cofactor, trainer.__name__) is trainer


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'fitt'"):
        cofactor.fitt  # noqa: B018


def test_importing_cofactor_imports_nothing_heavy() -> None:
    loaded = loaded_by("import cofactor")
    assert not loaded & {*HEAVY, "numpy", "scipy", "click"}


@pytest.mark.parametrize("name", ["split", "SVD", "compare"])
def test_a_program_ends_without_a_word(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", f"import cofactor; cofactor.{name}"], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_loading_a_model_imports_no_training_code() -> None:
    loaded = loaded_by("import cofactor; cofactor.load, cofactor.Ratings")
    assert "cofactor.saved.model_folder" in loaded
    assert not loaded & {"numba", "torch", "cofactor.trainers", "cofactor.trainers.base"}


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(cofactor.__file__).parent / "py.typed").is_file()


def test_the_version_is_that_of_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from cofactor.cli import main; main()", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"cofactor {cofactor.__version__}\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", "77", reason="it builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "cofactor", source / "cofactor", ignore=shutil.ignore_patterns("__pycache__"))
    build = ("-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "--quiet", "-w", str(folder))
    subprocess.run([sys.executable, *build, "--disable-pip-version-check"], check=True, timeout=120)
    (built,) = folder.glob(f"cofactor-{cofactor.__version__}-*.whl")
    return built


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("cofactor/")}
        entry_points = archive.read(f"cofactor-{cofactor.__version__}.dist-info/entry_points.txt").decode()
    files = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "cofactor").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert packed == files
    assert "cofactor = cofactor.__main__:main" in entry_points


def test_the_program_of_the_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from cofactor.__main__ import main; main()"
    command = [sys.executable, "-P", "-c", code, "split", "-q", "-o", "parts"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "parts" / "split.json").is_file()
