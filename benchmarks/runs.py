"""Fits a list of entries, ours and the peers', each in a process of its own, and keeps what was measured.

Hyperparameters in an entry's grid are chosen inside train, for each protocol anew; the test is read with the chosen
ones. Results are written as they come, and a run that was interrupted goes on where it stopped.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from protocols import PROTOCOLS, Task
from results import METRICS, TABLES, Results, lines_of, markdown

from cofactor.models.factor import FactorModel
from cofactor.trainers import TRAINERS

PEERS = Path(__file__).parent / "peers"
sys.path.insert(0, str(PEERS))
from environments import libmf_builds, python_of  # noqa: E402
from rows import write_rows  # noqa: E402


@dataclass(frozen=True)
class Entry:
    """One line of a table: a trainer of ours, or a script in peers/, with hyperparameters."""

    name: str
    by: str
    options: dict[str, Any] = field(default_factory=dict)
    grid: dict[str, tuple] = field(default_factory=dict)  # of each hyperparameter, what to choose from
    seeded: bool = True  # of a peer: whether its fit depends on a seed

    @property
    def system(self) -> str:
        return self.by.partition("_")[0] if self.by.endswith(".py") else "cofactor"

    @property
    def draws(self) -> bool:
        """Whether another seed gives another model."""
        if self.system != "cofactor":
            return self.seeded
        return any(one.name == "seed" for one in TRAINERS[self.by].hyperparameters())

    def candidates(self) -> Iterator[dict[str, Any]]:
        for values in itertools.product(*self.grid.values()):
            yield {**self.options, **dict(zip(self.grid, values, strict=True))}


Entries = dict[str, list[Entry]]  # by family of protocols: "ml-100k" is that of "ml-100k/u1"


def main(description: str, entries: Entries, seeds: dict[str, tuple[int, ...]]) -> None:
    """The command line of a table of entries. `seeds`: those of each protocol."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of ml-100k, ml-1m, gowalla, ncf-ml-1m")
    parser.add_argument("--peers", type=Path, help="where the peers' environments are, or are made; without it, ours alone")
    parser.add_argument("--json", type=Path, default=Path("build/results.json"), help="where results are kept")
    parser.add_argument("--protocol", nargs="*", default=[""], help=f"or the beginning of one: {', '.join(seeds)}")
    parser.add_argument("--only", nargs="*", default=["*"], help="names of entries or systems, as in svd 'myFM*' cofactor")
    parser.add_argument("--seeds", nargs="*", type=int, help="instead of all")
    parser.add_argument("--choose", action="store_true", help="choose hyperparameters and leave the test alone")
    parser.add_argument("--again", action="store_true", help="measure what is there already as well")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=3600, help="seconds after which a fit is given up")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(given, Path(scratch), Results(given.json))
        for protocol, its_seeds in seeds.items():
            if any(protocol.startswith(one) for one in given.protocol):
                wanted = [one for one in entries[family(protocol)] if bench.wanted(one)]
                bench.all(protocol, wanted, its_seeds if given.seeds is None else given.seeds)
    for title, protocols in TABLES.items():
        lines = lines_of(bench.results.records, title)
        if lines and set(protocols) & set(seeds):
            print(f"\n## {title}\n\n{markdown(lines, METRICS[title])}")
    if bench.failed:
        sys.exit("\nfailed: " + "; ".join(bench.failed))


def family(protocol: str) -> str:
    return protocol.partition("/")[0]


class Bench:
    """What has been measured, and the means to measure more."""

    def __init__(self, given: argparse.Namespace, scratch: Path, results: Results) -> None:
        self.given, self.scratch, self.results = given, scratch, results
        self.failed: list[str] = []
        self.task = lru_cache(maxsize=2)(self._task)

    def wanted(self, entry: Entry) -> bool:
        names = entry.name.lower(), entry.system
        named = any(fnmatchcase(name, pattern.lower()) for name in names for pattern in self.given.only)
        if entry.system != "cofactor":
            return named and self.given.peers is not None
        return named and entry.by in TRAINERS

    def all(self, protocol: str, entries: list[Entry], seeds: tuple[int, ...]) -> None:
        """Every entry with every seed; the entries alternate, so that a slow hour is nobody's own."""
        for seed in seeds:
            for entry in entries:
                if seed == seeds[0] or entry.draws:
                    self.one(protocol, entry, seed)

    def one(self, protocol: str, entry: Entry, seed: int) -> None:
        options = self.chosen(protocol, entry)
        if options is None or self.given.choose:
            return
        if entry.draws:
            options = {**options, "seed": seed}
        self.measured("test", protocol, entry, seed, options)

    def chosen(self, protocol: str, entry: Entry) -> dict[str, Any] | None:
        """The candidate that is best inside train; None where all failed."""
        candidates = list(entry.candidates())
        if len(candidates) == 1:
            return candidates[0]
        best, figure = None, 0.0
        task = self.task(protocol, "inner")
        for options in candidates:
            record = self.measured("choose", protocol, entry, 0, options)
            if record is not None and (best is None or task.better(record[task.judged_by], figure)):
                best, figure = options, record[task.judged_by]
        told = {name: best[name] for name in entry.grid} if best else "nothing: all failed"
        print(f"{protocol}, {entry.name}: chose {json.dumps(told)}, held-out {task.judged_by} {figure:.4f}", flush=True)
        return best

    def measured(
        self, stage: str, protocol: str, entry: Entry, seed: int, options: dict[str, Any]
    ) -> dict[str, Any] | None:
        """The record of one fit, found or made; None where it failed."""
        record = {
            "stage": stage, "protocol": protocol, "entry": entry.name, "seed": seed,
            "system": entry.system, "options": options,
        }  # fmt: skip
        found = None if self.given.again else self.results.found(record)
        if found is not None:
            return found
        try:
            record |= self.fit(protocol, "inner" if stage == "choose" else "test", entry, options)
        except (subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            self.failed.append(f"{protocol} {entry.name} {json.dumps(options)}: {_said(error)}")
            print(self.failed[-1], file=sys.stderr, flush=True)
            return None
        self.results.add(record)
        plain = ", ".join(f"{name} {value:.4g}" for name, value in record.items() if isinstance(value, float))
        print(f"{stage} {protocol}, {entry.name} {json.dumps(options)}: {plain}", flush=True)
        return record

    def fit(self, protocol: str, part: str, entry: Entry, options: dict[str, Any]) -> dict[str, float]:
        """Seconds and metrics of one fit, in a process of its own."""
        given, threads = self.given, str(self.given.threads)
        if entry.system == "cofactor":
            script = Path(__file__).parent / "fit.py"
            command = [sys.executable, script, given.data, protocol, part, entry.by, json.dumps(options), threads]
            return self._printed(command, {"OPENBLAS_NUM_THREADS": threads})
        python, environment = self._environment(entry.system)
        vectors = self.scratch / "vectors.npz"
        vectors.unlink(missing_ok=True)
        rows = self._rows(protocol, part)
        command = [python, PEERS / entry.by, rows, json.dumps(options), threads, vectors]
        figures = self._printed(command, environment | {"OPENBLAS_NUM_THREADS": "1"})
        if vectors.exists():
            task = self.task(protocol, part)
            figures |= task.figures(model_of(vectors, task))
        return figures

    def _printed(self, command: list, environment: dict[str, str]) -> dict[str, float]:
        """The JSON on the last line of what a command prints."""
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment, capture_output=True, text=True,
            check=True, timeout=self.given.timeout,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])

    def _environment(self, peer: str) -> tuple[Path, dict[str, str]]:
        folder = self.given.peers.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        return python_of(peer, folder), self._libmf if peer == "libmf" else {}

    @cached_property
    def _libmf(self) -> dict[str, str]:
        """LIBMF's SSE build: its AVX build loses accuracy from rank 64 on."""
        return libmf_builds(self.given.peers.resolve())["libmf-sse"]

    def _rows(self, protocol: str, part: str) -> Path:
        path = self.scratch / f"{protocol.replace('/', '-')}-{part}.npz"
        if not path.exists():
            task = self.task(protocol, part)
            write_rows(path, task.train, task.test)
        return path

    def _task(self, protocol: str, part: str) -> Task:
        task = PROTOCOLS[protocol](self.given.data)
        return task.inner() if part == "inner" else task


def model_of(vectors: Path, task: Task) -> FactorModel:
    """A model that ranks by the dot products of a peer's vectors."""
    with np.load(vectors) as arrays:
        user, item = (np.ascontiguousarray(arrays[name], np.float32) for name in ("user_vectors", "item_vectors"))
    nobody, nothing = (np.zeros(len(rows), np.float32) for rows in (user, item))
    return FactorModel(task.train.catalog, None, 0.0, nobody, nothing, user, item, 0.0, 0.0)


def _said(error: Exception) -> str:
    """The last line of what a process wrote before it failed."""
    lines = (getattr(error, "stderr", None) or "").strip().splitlines() if not isinstance(error, subprocess.TimeoutExpired) else []
    return lines[-1] if lines else str(error)[:200]
