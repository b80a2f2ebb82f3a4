"""The list of slow tests: what is on it, and that it names tests that exist."""

import ast
from pathlib import Path

import pytest

from tests.conftest import SLOW_TESTS
from tools.slow_tests import measure, slow_tests

ROOT = Path(__file__).parent.parent


def test_a_slow_case_makes_a_test_slow_and_a_file_keeps_its_quickest_test() -> None:
    seconds = {
        "tests/a.py::one[1]": 0.1,
        "tests/a.py::one[2]": 0.6,
        "tests/a.py::two": 0.5,
        "tests/b.py::one": 2.0,
        "tests/b.py::two": 2.0,
        "tests/c.py::one": 9.0,
    }
    assert slow_tests(seconds, limit=0.5, kept=3.0) == ["tests/a.py::one", "tests/b.py::two", "tests/c.py::one"]
    without = ["tests/a.py::one", "tests/b.py::one", "tests/b.py::two", "tests/c.py::one"]
    assert slow_tests(seconds, limit=0.5, kept=0.0) == without
    assert slow_tests({}, limit=0.5, kept=3.0) == []


SHARING = """
import time
import pytest


@pytest.fixture(scope="module")
def costly():
    start = time.process_time()
    while time.process_time() < start + 0.25:
        pass


def test_first(costly):
    pass


def test_second(costly):
    pass


def test_neither():
    pass
"""


def test_a_shared_fixture_counts_for_every_test_that_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_sharing.py").write_text(SHARING)
    seconds = {test.partition("::")[2]: one for test, one in measure(["test_sharing.py"]).items()}
    assert min(seconds["test_first"], seconds["test_second"]) >= 0.24
    assert seconds["test_neither"] < 0.24


def test_every_slow_test_exists() -> None:
    names = {}
    for test in SLOW_TESTS:
        file, _, name = test.partition("::")
        if file not in names:
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            names[file] = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert name.rpartition("::")[2] in names[file], f"{test} is in tests/slow.txt; run python -m tools.slow_tests"
    assert names


ALL_SLOW = {  # every test of a file draws a report and opens it in a browser, or starts a service of several processes
    "test_report_browser.py",
    "test_workers.py",
}


def test_every_test_file_has_a_quick_test() -> None:
    slow = set(SLOW_TESTS)
    for file in sorted((ROOT / "tests").glob("test_*.py")):
        if file.name in ALL_SLOW:
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        tests = [
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
        ]
        assert not tests or any(f"tests/{file.name}::{name}" not in slow for name in tests), file.name
