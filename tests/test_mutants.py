"""`make mutants`: which faults it puts where, which tests it runs, and what it says of them."""

import ast
import subprocess
from pathlib import Path

import pytest

from tools.mutants.__main__ import main
from tools.mutants.faults import changed_lines, draw, faults_of_file
from tools.mutants.lines import ExecutedLines, importing_test_files
from tools.mutants.trials import changed_text, within_budget

SOURCE = '''"""A docstring."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    X = 1


@cached(maxsize=2)
def clip(x: int | None, low: int = 0) -> int | None:
    """Clip."""
    if not x or x < low:
        return max(x, low)
    x += 1
    for y in range(-x):
        if y == x:
            break
    return x
'''


def lines_by_kind(source: str) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for fault in faults_of_file("f.py", source):
        found.setdefault(fault.kind, set()).add(fault.line)
    return found


def test_each_kind_of_fault_is_found_where_it_can_be_put() -> None:
    assert lines_by_kind(SOURCE) == {
        "comparison": {12, 16},
        "condition": {12, 16},
        "sign": {12, 15},
        "constant": {10, 14},
        "loop": {15, 17},
        "arguments": {13},
        "deletion": {14},
        "return": {13, 14, 18},
    }
    assert lines_by_kind("x = a - b") == {"arithmetic": {1}}


@pytest.mark.parametrize(
    ("kind", "line", "changed"),
    [
        ("deletion", 14, {"    pass"}),
        ("return", 13, {"        return"}),
        ("arguments", 13, {"        return max(low, x)"}),
        ("loop", 17, {"            continue"}),
        ("constant", 10, {f"def clip(x: int | None, low: int = {n}) -> int | None:" for n in (" 1", " -1", "1", "-1")}),
    ],
)
def test_what_a_fault_makes_of_a_line(kind: str, line: int, changed: set[str]) -> None:
    faults = [fault for fault in faults_of_file("f.py", SOURCE) if (fault.kind, fault.line) == (kind, line)]
    for fault in faults:
        before, after = SOURCE.splitlines(), fault.apply(SOURCE).splitlines()
        assert {after[i] for i in range(len(before)) if before[i] != after[i]} <= changed, "and no other line"
        assert fault.apply(SOURCE) != SOURCE
    assert faults


def test_a_signature_that_is_only_for_type_checkers_gets_no_fault() -> None:
    overloaded = "import typing\n\n\n@typing.overload\ndef f(x: int = 0) -> int: ...\ndef f(x=1): ...\n"
    assert lines_by_kind(overloaded) == {"constant": {6}}


def test_every_fault_leaves_a_program() -> None:
    for fault in faults_of_file("f.py", SOURCE):
        ast.parse(fault.apply(SOURCE))


def test_the_choice_follows_from_the_seed_and_has_one_fault_a_line(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text(SOURCE)
    chosen = {seed: draw(tmp_path, {"f.py": None}, 4, seed) for seed in range(5)}
    places = [tuple((fault.line, fault.kind) for fault, _ in faults) for faults in chosen.values()]
    assert all(len({line for line, _ in one}) == 4 for one in places)
    assert len(set(places)) == 5
    again = draw(tmp_path, {"f.py": None}, 4, 3)
    assert [mutated for _, mutated in again] == [mutated for _, mutated in chosen[3]]
    (fault, mutated) = draw(tmp_path, {"f.py": {13}}, None, 0)[0]
    assert fault.line == 13
    assert mutated != SOURCE
    assert draw(tmp_path, {"f.py": {1, 2, 6, 9}}, None, 0) == []


def test_the_tests_of_a_line() -> None:
    runs = ExecutedLines({"a": 1.0, "b": 2.0, "c": 3.0})
    runs.by_file["f.py"] = {12: {"a", "b"}, 13: {"a"}, 14: {"failed", "c"}, 9: {""}}
    assert runs.tests_of("f.py", 13, SOURCE) == {"a": 1.0}
    assert runs.tests_of("f.py", 14, SOURCE) == {"c": 3.0}, "a test that failed without a fault sees nothing"
    assert runs.tests_of("f.py", 16, SOURCE) == {}
    assert runs.tests_of("f.py", 9, SOURCE) == {"a": 1.0, "b": 2.0, "c": 3.0}, "an import runs it, whoever imports"
    assert runs.tests_of("g.py", 1, SOURCE) == {}
    runs.seconds = {"t.py::a": 1.0, "t.py::b[c]": 2.0, "u.py::a": 3.0}
    assert runs.tests_in(["t.py"]) == {"t.py::a": 1.0, "t.py::b[c]": 2.0}


def test_the_tests_of_a_statement_of_several_lines() -> None:
    runs = ExecutedLines({"a": 1.0, "b": 2.0})
    several = "def f(x):\n    return g(\n        x,\n        1,\n    )\n"
    runs.by_file["h.py"] = {2: {"a"}, 3: {"b"}}
    assert runs.tests_of("h.py", 4, several) == {"a": 1.0, "b": 2.0}, "all lines of the statement count"


def test_the_quickest_tests_up_to_a_budget() -> None:
    tests = {"slow": 5.0, "b": 1.0, "a": 1.0, "c": 2.0}
    assert list(within_budget(tests, 4.0)) == ["a", "b", "c"]
    assert list(within_budget(tests, 3.9)) == ["a", "b"]
    assert list(within_budget({"slow": 5.0}, 1.0)) == ["slow"]
    assert within_budget({}, 1.0) == {}


def test_the_change_shows_the_lines_that_differ() -> None:
    assert changed_text("a\nb\nc\n", "a\nB\nc\n") == "    - b\n    + B"
    assert changed_text("a\nb\nc\n", "a\nB\nC\nc\n") == "    - b\n    + B\n    + C"


def test_tests_that_import_a_file_themselves_or_by_a_helper(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name, text in {
        "__init__": "",
        "toys": "from package.a import A",
        "test_a": "from package import a",
        "test_b": "import package.b",
        "test_toys": "from tests.toys import A",
    }.items():
        (tmp_path / "tests" / f"{name}.py").write_text(text)
    assert importing_test_files(tmp_path, ["package/a.py"]) == ["tests/test_a.py", "tests/test_toys.py"]
    assert importing_test_files(tmp_path, ["package/b.py"]) == ["tests/test_b.py"]


SUMS = """
def add(a, b):
    return a + b


def log(a):
    a = str(a)


def never(a):
    return a
"""
TEST_SUMS = """
import pytest
from package.sums import add, log


@pytest.fixture(scope="session")
def five():
    return add(2, 3)


def test_add(five):
    assert five == 5


def test_log(five):
    log(1)
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a package of three functions, whose tests see the faults of the first only."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # they start in half the time
    files = {
        "package/__init__.py": "",
        "package/sums.py": SUMS,
        "tests/__init__.py": "",
        "tests/test_sums.py": TEST_SUMS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Sums"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    return tmp_path


def test_faults_that_tests_see_and_do_not_see(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(repository), "--package", "package", "--workers", "1"]
    assert main([*root, "--all", "--n", "9"]) == 1
    output = capsys.readouterr().out
    assert "1 of 3 faults were seen (33%)" in output
    assert "package/sums.py:7: not seen (1 tests)\n    -     a = str(a)" in output
    assert "package/sums.py:11: no test runs it (0 tests)" in output
    assert "seen             package/sums.py:3" in output, "the fixture runs it, and the test that looks at it fails"
    assert (repository / "package" / "sums.py").read_text() == SUMS


def test_faults_in_changed_lines(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = repository / "package" / "sums.py"
    source.write_text(SUMS.replace("return a + b", "c = a\n    return c + b"))
    assert changed_lines(repository, "main", "package") == {"package/sums.py": {3, 4}}
    source.write_text(
        source.read_text().replace("\n    return a\n", "\n    pass\n").replace("    a = str(a)", "    ...")
    )
    assert changed_lines(repository, "main", "package") == {"package/sums.py": {3, 4, 8, 12}}
    assert main(["--root", str(repository), "--package", "package", "--workers", "1"]) == 0
    assert "2 of 2 faults were seen (100%)" in capsys.readouterr().out
