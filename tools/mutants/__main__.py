"""Put random faults into the code, one at a time, and list those that no test sees.

Without options: one fault for each line of the package that differs from the branch `main`, and the tests of the files
that import the changed files. Which tests run which lines is measured first, once for a state of the code.
"""

import argparse
import itertools
import sys
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tools.mutants.faults import Fault, changed_lines, draw
from tools.mutants.lines import ExecutedLines, importing_test_files, measure
from tools.mutants.recorder import LIMIT
from tools.mutants.trials import Copy, Outcome

INTERPRETED = {"NUMBA_DISABLE_JIT": "1", LIMIT: "20"}  # compiled lines are neither traced nor compiled anew for callers


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code, 1 where a fault was not seen."""
    options = _parser().parse_args(arguments)
    root, folder = options.root.resolve(), options.root.resolve() / ".mutants"
    lines = _lines(root, options)
    drawn = draw(root, lines, options.n, options.seed)
    if not drawn:
        print("no line to put a fault into")
        return 0
    all_tests = options.all and not options.tests
    tests = options.tests or (["tests"] if all_tests else importing_test_files(root, lines))
    tests_of = _maps(root, options.package, tests, folder, [fault for fault, _ in drawn], options.workers)
    copies: SimpleQueue[Copy] = SimpleQueue()
    for i in range(options.workers):
        copies.put(Copy(root, folder / f"copy-{i}", options.budget))

    def try_one(number: int, fault: Fault, mutated: str) -> Outcome:
        copy = copies.get()
        try:
            outcome = copy.try_fault(fault, mutated, *tests_of(fault))
        finally:
            copies.put(copy)
        print(f"{number:4d} {outcome.verdict:16s} {fault.file}:{fault.line} {fault.kind} {outcome.by}", flush=True)
        return outcome

    with ThreadPoolExecutor(options.workers) as pool:
        outcomes = list(pool.map(try_one, itertools.count(1), *zip(*drawn, strict=True)))
    _print(outcomes)
    return 0 if all(outcome.verdict == "seen" for outcome in outcomes) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    add = parser.add_argument
    add("files", nargs="*", help="Files to put faults into, instead of the lines that were changed.")
    add("--base", default="main", help="Commit that changed lines are compared with (main).")
    add("--all", action="store_true", help="Put faults into any line of the package.")
    add("--n", type=int, help="Number of faults (one for each line; 50 with files or --all).")
    add("--seed", type=int, default=0, help="Random seed of the choice of faults (0).")
    add("--tests", nargs="+", help="Test files to choose from, instead of those that import the faulty files.")
    add("--budget", type=float, default=60.0, help="Seconds of tests for one fault; the quickest tests run first (60).")
    add("--workers", type=int, default=2, help="Faults tried at the same time (2).")
    add("--package", default="cofactor", help="Folder of the package (cofactor).")
    add("--root", type=Path, default=Path(), help="Root of the repository (the current folder).")
    return parser


def _lines(root: Path, options: argparse.Namespace) -> Mapping[str, Collection[int] | None]:
    """Lines that may be changed, by file; sets the number of faults where it was not given."""
    if not options.files and not options.all:
        return changed_lines(root, options.base, options.package)
    options.n = options.n or 50
    if options.all:
        files = sorted((root / options.package).rglob("*.py"))
        return {file.relative_to(root).as_posix(): None for file in files}
    return {Path(file).resolve().relative_to(root).as_posix(): None for file in options.files}


Tests = tuple[dict[str, float], dict[str, str]]


def _maps(
    root: Path, package: str, tests: list[str], folder: Path, faults: list[Fault], workers: int
) -> Callable[[Fault], Tests]:
    """A function that gives the tests that run the line of a fault, and the environment that they need."""
    kernels = f"{package}/kernels/"
    parallel = ["-n", str(workers), "--dist", "loadfile"] if workers > 1 else []
    compiled = measure(root, package, tests, folder, parallel)
    interpreted = ExecutedLines({})
    if any(fault.file.startswith(kernels) for fault in faults):
        interpreted = measure(root, package, _tests_of_kernels(root, kernels, tests), folder, parallel, **INTERPRETED)

    def tests_of(fault: Fault) -> Tests:
        source = (root / fault.file).read_text(encoding="utf-8")
        if not fault.file.startswith(kernels):
            return compiled.tests_of(fault.file, fault.line, source), {}
        if chosen := interpreted.tests_of(fault.file, fault.line, source):
            return chosen, INTERPRETED
        # what Numba runs while it compiles, or what runs only when compiled
        return compiled.tests_in(importing_test_files(root, [fault.file])), {}

    return tests_of


def _tests_of_kernels(root: Path, kernels: str, tests: list[str]) -> list[str]:
    """Test files that import a kernel: the others would take too long without a compiler."""
    files = [file.relative_to(root).as_posix() for file in (root / kernels).rglob("*.py")]
    importing = importing_test_files(root, files)
    return importing if tests == ["tests"] else [file for file in importing if file in tests]


def _print(outcomes: list[Outcome]) -> None:
    seen = sum(outcome.verdict == "seen" for outcome in outcomes)
    print(f"\n{seen} of {len(outcomes)} faults were seen ({seen / len(outcomes):.0%})")
    for outcome in outcomes:
        if outcome.verdict != "seen":
            print(f"\n{outcome.fault.file}:{outcome.fault.line}: {outcome.verdict} ({outcome.n_tests} tests)")
            print(outcome.change)


if __name__ == "__main__":
    sys.exit(main())
