"""A pytest plugin: records which lines each test runs, or runs chosen tests, the quickest first.

Environment variables say which of the two: `MUTANTS_RECORD` names the folder to record into, `MUTANTS_TESTS` a JSON
file `{test: seconds}`. Lines that a fixture of a wider scope runs count for every test that uses the fixture.
"""

import json
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

RECORD, TESTS, LIMIT = "MUTANTS_RECORD", "MUTANTS_TESTS", "MUTANTS_TEST_SECONDS"
CONTEXT = "MUTANTS_CONTEXT"  # of processes that a test starts
RCFILE = "COVERAGE_PROCESS_START"


ROOT = Path(__file__).parents[2]  # what holds this plugin


def environment(root: Path, **variables: str) -> dict[str, str]:
    """Environment of a pytest that runs in `root` and can load this plugin."""
    return {**os.environ, **variables, "PYTHONPATH": os.pathsep.join([str(root), str(ROOT)])}


class Recorder:
    """Switches coverage's context from test to test, and keeps the seconds, outcomes and fixtures of the tests."""

    def __init__(self, folder: Path) -> None:
        from coverage import Coverage

        self.folder = folder
        self.coverage = Coverage(config_file=os.environ[RCFILE], data_suffix=True)
        self.coverage.start()
        self.context = ""
        self.tests: dict[str, dict[str, Any]] = {}

    def switch(self, context: str) -> str:
        """Switch to a context; returns the one before."""
        before, self.context = self.context, context
        self.coverage.switch_context(context)
        os.environ[CONTEXT] = context
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        fixtures = getattr(item, "_fixtureinfo", None)
        names = [_fixture_context(several[-1]) for several in fixtures.name2fixturedefs.values()] if fixtures else []
        self.tests[item.nodeid] = {"seconds": 0.0, "passed": True, "fixtures": names}
        before = self.switch(item.nodeid)
        try:
            return (yield)
        finally:
            self.switch(before)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: pytest.FixtureRequest) -> Generator[None, object, object]:
        if fixturedef.scope == "function":
            return (yield)
        before = self.switch(_fixture_context(fixturedef))
        try:
            return (yield)
        finally:
            self.switch(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.nodeid in self.tests:
            test = self.tests[report.nodeid]
            test["seconds"] += report.duration if report.when == "call" else 0.0
            test["passed"] &= report.passed

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        self.coverage.save()
        (self.folder / f"tests-{os.getpid()}.json").write_text(json.dumps(self.tests))


def _fixture_context(fixture: Any) -> str:
    return f"fixture {fixture.baseid}::{fixture.argname}"


class Selection:
    """Keeps the chosen tests alone, the quickest first."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self.seconds])
        items[:] = sorted(
            (item for item in items if item.nodeid in self.seconds), key=lambda item: self.seconds[item.nodeid]
        )


class Limit:
    """Fails a test that takes longer than some seconds."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        def stop(*_: object) -> None:
            pytest.fail(f"took more than {self.seconds} s")

        before = signal.signal(signal.SIGALRM, stop)
        signal.alarm(self.seconds)
        try:
            return (yield)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def pytest_configure(config: pytest.Config) -> None:
    if folder := os.environ.get(RECORD):
        config.pluginmanager.register(Recorder(Path(folder)))
    if tests := os.environ.get(TESTS):
        config.pluginmanager.register(Selection(json.loads(Path(tests).read_text())))
    if seconds := os.environ.get(LIMIT):
        config.pluginmanager.register(Limit(int(seconds)))
