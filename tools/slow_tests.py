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

import pytest

FOLDER = "SLOW_TESTS_FOLDER"
LIST = Path("tests/slow.txt")
HEADER = "# Tests that `make test-fast` leaves out; written by `python -m tools.slow_tests`.\n"


class Stopwatch:
    """A pytest plugin that records the processor seconds of each test and of the fixtures that it is first to use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        start = processor_seconds()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = processor_seconds() - start

    def pytest_sessionfinish(self) -> None:
        (self.folder / f"{os.getpid()}.json").write_text(json.dumps(self.seconds))


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
