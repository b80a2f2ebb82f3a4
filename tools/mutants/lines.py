"""Which tests run which lines: measured with coverage, once for a state of the code and the tests."""

import ast
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from coverage import CoverageData
from coverage.exceptions import DataError

from tools.mutants import recorder

SETTINGS = """[run]
source = {source}
data_file = {data}
context = ${{{context}-}}
parallel = true
sigterm = true
concurrency = thread, multiprocessing
disable_warnings = no-data-collected, module-not-imported, module-not-measured, couldnt-parse, dynamic-conflict
"""


@dataclass
class ExecutedLines:
    """Tests that run the lines of one package, with the seconds that each test takes."""

    seconds: dict[str, float]
    by_file: dict[str, dict[int, set[str]]] = field(default_factory=lambda: defaultdict(dict))

    def tests_of(self, file: str, line: int, source: str) -> dict[str, float]:
        """Tests that run a line, with their seconds.

        A statement outside functions is run by an import, which may happen in any test or before all of them: such a
        line counts as run by every test that runs any line of its file.
        """
        lines = self.by_file.get(file, {})
        first, last, in_function = _statement(source, line)
        chosen = range(first, last + 1) if in_function else lines
        tests = {test for number in chosen for test in lines.get(number, ())}
        return {test: self.seconds[test] for test in tests if test in self.seconds}

    def tests_in(self, test_files: Collection[str]) -> dict[str, float]:
        """All tests of some test files, with their seconds."""
        return {test: seconds for test, seconds in self.seconds.items() if test.partition("::")[0] in test_files}


def _statement(source: str, line: int) -> tuple[int, int, bool]:
    """First and last line of the innermost statement that holds a line, and whether it is inside a function."""
    found, inside = (line, line), False

    def visit(node: ast.AST, in_function: bool) -> None:
        nonlocal found, inside
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt) and child.lineno <= line <= (child.end_lineno or child.lineno):
                body = getattr(child, "body", None)
                last = body[0].lineno - 1 if body and isinstance(body[0], ast.stmt) else child.end_lineno
                found, inside = (child.lineno, max(last or child.lineno, child.lineno)), in_function
            if isinstance(child, ast.Lambda) and child.lineno <= line <= (child.end_lineno or child.lineno):
                inside = True
            visit(child, in_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(source), False)
    return (*found, inside)


def measure(
    root: Path, package: str, test_files: Sequence[str], folder: Path, options: Sequence[str] = (), **variables: str
) -> ExecutedLines:
    """Run tests under coverage, or read what was measured for the same code, tests and options.

    Args:
        root: Root of the repository, where the tests run.
        package: Package whose lines count.
        test_files: Test files to run, relative to `root`.
        folder: Folder that keeps what is measured.
        options: Further options of pytest.
        variables: Further environment variables.
    """
    place = folder / _fingerprint(root, [package, "tests"], [*test_files, *options, *variables, *variables.values()])
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        settings = place / "coverage.ini"
        settings.write_text(SETTINGS.format(source=root / package, data=place / "lines", context=recorder.CONTEXT))
        recording = {recorder.RECORD: str(place), recorder.RCFILE: str(settings), recorder.CONTEXT: ""}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tools.mutants.recorder", *options, *test_files]
        subprocess.run(command, cwd=root, env=recorder.environment(root, **variables, **recording), check=False)
        if not any(place.glob("tests-*.json")):
            sys.exit("no test was run: see the messages above")
        (place / "done").touch()
    return _read(root, place)


def _read(root: Path, place: Path) -> ExecutedLines:
    tests: dict[str, dict[str, object]] = {}
    for file in place.glob("tests-*.json"):
        tests |= json.loads(file.read_text())
    users: dict[str, list[str]] = defaultdict(list)
    for test, record in tests.items():
        for fixture in record["fixtures"]:  # type: ignore[attr-defined]
            users[fixture].append(test)
    measured = ExecutedLines({test: float(record["seconds"]) for test, record in tests.items() if record["passed"]})  # type: ignore[arg-type]
    for file in place.glob("lines.*"):
        data = CoverageData(str(file))
        try:
            data.read()
        except DataError:  # of a process that a test killed while it wrote
            print(f"left out what {file.name} measured: it was not written to its end", file=sys.stderr)
            continue
        for name in data.measured_files():
            lines = measured.by_file[Path(name).relative_to(root).as_posix()]
            for line, contexts in data.contexts_by_lineno(name).items():
                lines.setdefault(line, set()).update(
                    test for context in contexts for part in context.split("|") for test in (users.get(part) or [part])
                )
    return measured


def _fingerprint(root: Path, folders: Iterable[str], more: Iterable[str]) -> str:
    digest = sha256(repr(sorted(more)).encode())
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def importing_test_files(root: Path, files: Iterable[str]) -> list[str]:
    """Test files that import one of some files of the package by its own name, or a test helper that does."""
    modules = {_module(Path(file)) for file in files}
    imported = {file: _imports(file) for file in sorted((root / "tests").rglob("*.py"))}
    helpers = {file for file, names in imported.items() if names & modules}
    helper_modules = {_module(file.relative_to(root)) for file in helpers}
    wanted = helpers | {file for file, names in imported.items() if names & helper_modules}
    return [file.relative_to(root).as_posix() for file in sorted(wanted) if file.name.startswith("test_")]


def _module(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
