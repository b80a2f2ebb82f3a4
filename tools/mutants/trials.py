"""Run the tests that run a faulty line, in a copy of the repository that has the fault."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tools.mutants import recorder
from tools.mutants.faults import Fault

STARTING_SECONDS = 60  # to start Python, to import and to collect, on a busy machine
SLOWER = 5  # a fault may make tests slower, by at most this factor


@dataclass(frozen=True)
class Outcome:
    """What became of a fault."""

    fault: Fault
    change: str  # the changed lines, before and after
    verdict: str  # "seen", "not seen" or "no test runs it"
    by: str = ""  # the test that saw it
    n_tests: int = 0


class Copy:
    """A copy of the files of a repository in which faults are tried one after another."""

    def __init__(self, root: Path, folder: Path, budget: float) -> None:
        self.root, self.folder, self.budget = root, folder, budget
        shutil.rmtree(folder, ignore_errors=True)
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout.splitlines():
            if (root / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, folder / name)
        for parent in {path.parent for path in folder.rglob("*.py")}:
            cache = root / parent.relative_to(folder) / "__pycache__"
            if cache.is_dir():  # compiled kernels; they are looked up by the time of their source
                shutil.copytree(cache, parent / "__pycache__", dirs_exist_ok=True)

    def try_fault(
        self, fault: Fault, mutated: str, tests: Mapping[str, float], variables: Mapping[str, str]
    ) -> Outcome:
        """Put the fault into the copy, run the quickest tests up to the budget, and take the fault out again."""
        source, chosen = (self.root / fault.file).read_text(encoding="utf-8"), within_budget(tests, self.budget)
        change = changed_text(source, mutated)
        if not chosen:
            return Outcome(fault, change, "no test runs it")
        faulty = self.folder / fault.file
        bytecode = Path(cache_from_source(str(faulty)))  # it counts as that of any file of the same size and second
        try:
            bytecode.unlink(missing_ok=True)
            faulty.write_text(mutated, encoding="utf-8")
            seen, by = self._run(chosen, variables)
        finally:
            shutil.copy2(self.root / fault.file, faulty)
            bytecode.unlink(missing_ok=True)
        return Outcome(fault, change, "seen" if seen else "not seen", by, len(chosen))

    def _run(self, tests: Mapping[str, float], variables: Mapping[str, str]) -> tuple[bool, str]:
        selection = self.folder / ".mutants.json"
        selection.write_text(json.dumps(tests))
        files = sorted({test.partition("::")[0] for test in tests})
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
        process = subprocess.Popen(
            [*command, "-p", "tools.mutants.recorder", *files],
            cwd=self.folder,
            env=recorder.environment(self.folder, **variables, **{recorder.TESTS: str(selection)}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=STARTING_SECONDS + SLOWER * sum(tests.values()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return True, "time ran out"
        failed = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        if process.returncode == 0:
            return False, ""
        return True, failed[0].split(" - ")[0] if failed else f"pytest ended with {process.returncode}"


def within_budget(tests: Mapping[str, float], budget: float) -> dict[str, float]:
    """The quickest tests that together take at most `budget` seconds, and at least one."""
    chosen: dict[str, float] = {}
    for test in sorted(tests, key=lambda test: (tests[test], test)):
        if chosen and sum(chosen.values()) + tests[test] > budget:
            break
        chosen[test] = tests[test]
    return chosen


def changed_text(source: str, mutated: str) -> str:
    """The lines that differ, before and after."""
    before, after = source.splitlines(), mutated.splitlines()
    start = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    end = next((i for i, (a, b) in enumerate(zip(before[::-1], after[::-1], strict=False)) if a != b), 0)
    removed, added = before[start : len(before) - end], after[start : len(after) - end]
    return "\n".join([*(f"    - {line}" for line in removed), *(f"    + {line}" for line in added)])
