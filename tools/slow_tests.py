"""Measure the tests and list the slow ones in `tests/slow.txt`; `make test-fast` leaves those out.

The measure is processor time, child processes included: it hardly depends on what else the machine does. A test
is slow if one of its cases takes longer than a limit. The quickest test of each file stays, unless it takes very long.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

FOLDER = "SLOW_TESTS_FOLDER"
LIST = Path("tests/slow.txt")
HEADER = "# Tests that `make test-fast` leaves out; written by `python -m tools.slow_tests`.\n"


class Stopwatch:
    """A pytest plugin that records the processor seconds of each test, and those of the fixtures that tests share.

    What sets up a fixture of a module or of the session counts for every test that uses it: without the others, that
    test would be the one to pay.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}
        self.shared: dict[str, float] = {}
        self.in_shared = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        start, in_shared = processor_seconds(), self.in_shared
        try:
            return (yield)
        finally:
            own = processor_seconds() - start - (self.in_shared - in_shared)
            fixtures = getattr(item, "_fixtureinfo", None)
            used = [_name(several[-1]) for several in fixtures.name2fixturedefs.values()] if fixtures else []
            self.seconds[item.nodeid] = own + sum(self.shared.get(one, 0.0) for one in used)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        start = processor_seconds()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                seconds = processor_seconds() - start
                self.shared[_name(fixturedef)] = max(seconds, self.shared.get(_name(fixturedef), 0.0))
                self.in_shared += seconds

    def pytest_sessionfinish(self) -> None:
        (self.folder / f"{os.getpid()}.json").write_text(json.dumps(self.seconds))


def _name(fixture: Any) -> str:
    return f"{fixture.baseid}::{fixture.argname}"


def processor_seconds() -> float:
    """Processor seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def pytest_configure(config: pytest.Config) -> None:
    if folder := os.environ.get(FOLDER):
        config.pluginmanager.register(Stopwatch(Path(folder)))


def slow_tests(seconds: Mapping[str, float], limit: float, kept: float) -> list[str]:
    """Names of the tests, without parameters, that have a case of more than `limit` seconds.

    Args:
        seconds: Seconds of each case.
        limit: Seconds that a case may take.
        kept: Seconds up to which the quickest test of a file is not slow although it takes longer than `limit`.
    """
    slowest: dict[str, float] = defaultdict(float)
    for case, one in seconds.items():
        test = case.partition("[")[0]
        slowest[test] = max(slowest[test], one)
    files: dict[str, list[str]] = defaultdict(list)
    for test in slowest:
        files[test.partition("::")[0]].append(test)
    quickest = {min(tests, key=lambda test: (slowest[test], test)) for tests in files.values()}
    return sorted(
        test for test, one in slowest.items() if one > limit and not (test in quickest and one <= max(kept, limit))
    )


def measure(tests: list[str]) -> dict[str, float]:
    """Processor seconds of each case of some tests, which run one after another."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "tools.slow_tests", *tests]
        subprocess.run(command, env={**os.environ, FOLDER: folder}, check=False)
        found: dict[str, float] = {}
        for file in Path(folder).glob("*.json"):
            found |= json.loads(file.read_text())
    return found


def main() -> None:
    """Measure the given tests, or all, and write the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", help="Test files to measure; the list keeps what it says of the others.")
    parser.add_argument("--limit", type=float, default=0.3, help="Seconds that a case may take (0.3).")
    parser.add_argument("--kept", type=float, default=3.0, help="Seconds for the quickest test of a file (3).")
    options = parser.parse_args()
    seconds = measure(options.tests or ["tests"])
    measured = {test.partition("::")[0] for test in seconds}
    old = [line for line in LIST.read_text().splitlines() if line and not line.startswith("#")] if LIST.exists() else []
    others = [test for test in old if test.partition("::")[0] not in measured and options.tests]
    slow = slow_tests(seconds, options.limit, options.kept)
    LIST.write_text(HEADER + "".join(f"{test}\n" for test in sorted({*others, *slow})))
    quick = sum(one for test, one in seconds.items() if test.partition("[")[0] not in slow)
    print(
        f"{len(slow)} slow tests in {LIST}; all take {sum(seconds.values()):.0f} s of a core, the others {quick:.0f} s"
    )


if __name__ == "__main__":
    main()
