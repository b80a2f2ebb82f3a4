"""Fixtures for every test."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

from cofactor.data.ratings import Ratings
from tests.postgres import Server, programs

Run = Callable[..., Result]

DATA_VARIABLE = "COFACTOR_TEST_DATA"
REQUIRED_VARIABLE = "COFACTOR_REQUIRE_DATA"
BROWSER_VARIABLE = "COFACTOR_REQUIRE_BROWSER"
POSTGRES_VARIABLE = "COFACTOR_REQUIRE_POSTGRES"

SLOW_TESTS = frozenset(
    line
    for line in (Path(__file__).parent / "slow.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell started these tests in the background: Ctrl-C is tested
    signal.signal(signal.SIGINT, signal.default_int_handler)


settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a test does not fail because the machine is busy


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that tests/slow.txt lists: `make test-fast` leaves them out."""
    for item in items:
        if item.nodeid.partition("[")[0] in SLOW_TESTS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of ml-100k, ml-1m, ml-latest-small; skips where it is not named, fails where it is required."""
    named = os.environ.get(DATA_VARIABLE)
    if named and Path(named).is_dir():
        return Path(named).resolve()
    missing = f"{named} is not a folder" if named else f"{DATA_VARIABLE} is not set"
    if os.environ.get(REQUIRED_VARIABLE) == "1":
        pytest.fail(f"{missing}, and {REQUIRED_VARIABLE}=1 asks for the real data")
    pytest.skip(f"{missing}; set it to a folder that holds ml-100k, ml-1m and ml-latest-small")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program of a Chromium; skips where there is none, fails where it is required."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found:
        return found
    missing = "no Chromium here; on Debian: apt-get install chromium"
    if os.environ.get(BROWSER_VARIABLE) == "1":
        pytest.fail(f"{missing}, and {BROWSER_VARIABLE}=1 asks for it")
    pytest.skip(missing)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL; skips where it is not installed, fails where it is required."""
    found = programs()
    if found is None:
        missing = "no PostgreSQL here; on Debian: apt-get install postgresql"
        if os.environ.get(POSTGRES_VARIABLE) == "1":
            pytest.fail(f"{missing}, and {POSTGRES_VARIABLE}=1 asks for it")
        pytest.skip(missing)
    server = Server.made(found)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process, in an empty folder and without the user's own settings."""
    from cofactor.cli import cofactor

    monkeypatch.chdir(tmp_path)
    for variable in ("COFACTOR_DATA", "COFACTOR_DEBUG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return lambda *arguments: CliRunner().invoke(cofactor, [str(one) for one in arguments])


@pytest.fixture(scope="session")
def movies() -> Ratings:
    """A small table of made ratings with titles and genres."""
    from cofactor.data.synthetic.generate import generate

    return generate(300, 120, 30, seed=3)


@pytest.fixture(scope="session")
def saved(movies: Ratings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models of those ratings: `baseline` and `popularity`."""
    from cofactor.saved.model_folder import save
    from cofactor.trainers import TRAINERS

    folder = tmp_path_factory.mktemp("models")
    for name in ("baseline", "popularity"):
        save(TRAINERS[name]().fit(movies), folder / name, trainer=name)
    return folder
