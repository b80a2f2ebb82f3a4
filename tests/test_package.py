"""What `import cofactor` gives, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import cofactor

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


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'fitt'"):
        cofactor.fitt  # noqa: B018


def test_importing_cofactor_imports_nothing_heavy() -> None:
    loaded = loaded_by("import cofactor")
    assert not loaded & {*HEAVY, "numpy", "scipy", "click"}


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
