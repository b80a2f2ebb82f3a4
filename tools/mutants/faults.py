"""Faults that can be put into a file, and a random choice of them."""

import ast
import random
import subprocess
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

from tools.mutants.operators import KINDS


@dataclass(frozen=True)
class Fault:
    """One change of one place in a file."""

    file: str  # relative to the root of the repository
    line: int
    kind: str
    operator: Operator
    occurrence: int

    def apply(self, source: str) -> str:
        """The source of the file with the fault in it."""
        mutated: str | None = mutate_code(source, self.operator, self.occurrence)
        assert mutated is not None, f"{self.file} has no occurrence {self.occurrence} of {self.operator}"
        return mutated


def faults_of_file(file: str, source: str) -> Iterator[Fault]:
    """Every fault of every kind that can be put into a file, annotations and decorators left out."""
    tree = get_ast(source)
    silent = _annotated(source)
    for kind, operators in KINDS.items():
        for operator in operators:
            positions = (position for node in ast_nodes(tree) for position in operator.mutation_positions(node))
            for occurrence, ((line, column), _) in enumerate(positions):
                if (line, column) not in silent:
                    yield Fault(file, line, kind, operator, occurrence)


def _annotated(source: str) -> "_Regions":
    """Places whose change has no effect or none that a test should see: annotations, decorators, overloads."""
    regions = []
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {ast.unparse(one).rpartition(".")[2] for one in node.decorator_list}
            parts = [node] if "overload" in names else [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            parts = [*node.decorator_list]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            parts = [node]
        regions += [part for part in parts if part is not None]
    lines = source.splitlines()
    return _Regions([(_place(part, lines, ""), _place(part, lines, "end_")) for part in regions])


def _place(node: ast.AST, lines: Sequence[str], end: str) -> tuple[int, int]:
    """Line and column in characters; `ast` counts bytes."""
    line, column = getattr(node, f"{end}lineno"), getattr(node, f"{end}col_offset")
    return line, len(lines[line - 1].encode()[:column].decode())


@dataclass(frozen=True)
class _Regions:
    """Half-open intervals of places."""

    intervals: list[tuple[tuple[int, int], tuple[int, int]]]

    def __contains__(self, place: object) -> bool:
        return any(start <= place < end for start, end in self.intervals)  # type: ignore[operator]


def draw(root: Path, lines: Mapping[str, Collection[int] | None], n: int | None, seed: int) -> list[tuple[Fault, str]]:
    """`n` random faults and the sources that hold them, at most one a line; one for each line where `n` is None.

    Args:
        root: Folder that the names of files are relative to.
        lines: Lines of each file that may be changed; None stands for all.
        n: Number of faults.
        seed: Seed of the choice. A line is drawn first, then the kind of the fault, then the fault.
    """
    rng = random.Random(seed)
    sources = {file: (root / file).read_text(encoding="utf-8") for file in sorted(lines)}
    places = []
    for file, source in sources.items():
        allowed = lines[file]
        numbers = range(1, source.count("\n") + 2) if allowed is None else sorted(allowed)
        places += [(file, number) for number in numbers]
    rng.shuffle(places)
    by_line: dict[str, dict[int, dict[str, list[Fault]]]] = {}
    drawn: list[tuple[Fault, str]] = []
    for file, line in places:
        if len(drawn) == n:
            break
        if file not in by_line:
            by_line[file] = _by_line(faults_of_file(file, sources[file]))
        if kinds := by_line[file].get(line):
            fault = rng.choice(kinds[rng.choice(sorted(kinds))])
            mutated = fault.apply(sources[file])
            if _changes(sources[file], mutated):
                drawn.append((fault, mutated))
    return drawn


def _by_line(faults: Iterable[Fault]) -> dict[int, dict[str, list[Fault]]]:
    """Faults by line, then by kind."""
    grouped: dict[int, dict[str, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for fault in faults:
        grouped[fault.line][fault.kind].append(fault)
    return grouped


def _changes(source: str, mutated: str) -> bool:
    """Whether a mutated source is another program, and one that can be compiled."""
    try:
        return ast.dump(ast.parse(mutated)) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def changed_lines(root: Path, base: str, package: str) -> dict[str, set[int]]:
    """Lines of Python files of the package that differ from the commit `base`, uncommitted changes included."""
    run = subprocess.run(
        ["git", "diff", "--unified=0", "--no-color", "--no-ext-diff", base, "--", f"{package}/"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    changed: dict[str, set[int]] = defaultdict(set)
    file = ""
    for line in run.stdout.splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ ").removeprefix("b/")
        elif line.startswith("@@ "):
            start, _, count = line.split("+", 1)[1].split(" ", 1)[0].partition(",")
            changed[file].update(range(int(start), int(start) + int(count or 1)))
    return {file: numbers for file, numbers in changed.items() if file.endswith(".py") and numbers}
