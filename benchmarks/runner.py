"""Fit a list of entries, our trainers and the peers', each in a process of its own, and store the measurements.

Hyperparameters in an entry's grid are chosen within the training part, separately for each protocol; the test part is
used with the chosen ones only. Results are written as they arrive, and an interrupted run resumes where it stopped.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from results import Results
from tasks import TASKS, Task

from cofactor.errors import CofactorError
from cofactor.models.factor import FactorModel
from cofactor.trainers import TRAINERS

PEERS = Path(__file__).parent / "peers"
sys.path.insert(0, str(PEERS))
from environments import libmf_builds, python_of  # noqa: E402
from rows import write_rows  # noqa: E402


@dataclass(frozen=True)
class Entry:
    """A line of a table: one of our trainers or a script in peers/, with hyperparameters."""

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
        """Whether the model depends on the seed."""
        if self.system != "cofactor":
            return self.seeded
        return any(one.name == "seed" for one in TRAINERS[self.by].hyperparameters())

    def candidates(self) -> Iterator[dict[str, Any]]:
        for values in itertools.product(*self.grid.values()):
            yield {**self.options, **dict(zip(self.grid, values, strict=True))}


@dataclass(frozen=True)
class Means:
    """Paths and options of a run."""

    data: Path
    scratch: Path  # an empty folder
    peers: Path | None = None  # without it, only ours can be fitted
    threads: int = 2
    timeout: float = 3600.0  # seconds after which a fit is given up
    choose_alone: bool = False  # and leave the test unread
    again: bool = False  # also what is among the results


class Bench:
    """Runs the fits that have not been measured yet, and stores the results."""

    def __init__(self, means: Means, results: Results) -> None:
        self.means, self.results = means, results
        self.failed: list[str] = []
        self.made: list[dict] = []  # in this run
        self.task = lru_cache(maxsize=2)(self._task)

    def all(self, protocol: str, entries: list[Entry], seeds: tuple[int, ...]) -> None:
        """Runs every entry with every seed; entries alternate, so that a slow phase of the machine affects all."""
        for seed, entry in itertools.product(seeds, entries):
            if seed == seeds[0] or entry.draws:
                self.one(protocol, entry, seed)

    def one(self, protocol: str, entry: Entry, seed: int) -> None:
        options = self.chosen(protocol, entry)
        if options is None or self.means.choose_alone:
            return
        if entry.draws:
            options = {**options, "seed": seed}
        self.measured("test", protocol, entry, seed, options)

    def chosen(self, protocol: str, entry: Entry) -> dict[str, Any] | None:
        """The best candidate on held-out training ratings, or None if all failed."""
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
        """The record of one fit, stored or new, or None if it failed."""
        record = {
            "stage": stage, "protocol": protocol, "entry": entry.name, "seed": seed,
            "system": entry.system, "options": options,
        }  # fmt: skip
        found = self.results.found(record)
        if found is not None and (not self.means.again or found in self.made):
            return found
        try:
            record |= self.fit(protocol, "inner" if stage == "choose" else "test", entry, options)
        except (subprocess.SubprocessError, CofactorError, OSError, ValueError, IndexError) as error:
            self.failed.append(f"{protocol} {entry.name} {json.dumps(options)}: {_said(error)}")
            print(self.failed[-1], file=sys.stderr, flush=True)
            return None
        self.results.add(record)
        self.made.append(record)
        plain = ", ".join(f"{name} {value:.4g}" for name, value in record.items() if isinstance(value, float))
        print(f"{stage} {protocol}, {entry.name} {json.dumps(options)}: {plain}", flush=True)
        return record

    def fit(self, protocol: str, part: str, entry: Entry, options: dict[str, Any]) -> dict[str, float]:
        """Runs one fit in a process of its own; returns seconds and metrics."""
        means, threads = self.means, str(self.means.threads)
        if entry.system == "cofactor":
            script = Path(__file__).parent / "fit_once.py"
            command = [sys.executable, script, means.data, protocol, part, entry.by, json.dumps(options), threads]
            return self._printed(command, {"OPENBLAS_NUM_THREADS": threads})
        python, environment = self._environment(entry.system)
        vectors = self.means.scratch / "vectors.npz"
        vectors.unlink(missing_ok=True)
        rows = self._rows(protocol, part)
        command = [python, PEERS / entry.by, rows, json.dumps(options), threads, vectors]
        figures = self._printed(command, environment | {"OPENBLAS_NUM_THREADS": "1"})
        if vectors.exists():
            task = self.task(protocol, part)
            figures |= task.figures(model_of(vectors, task))
        if self.task(protocol, part).judged_by not in figures:
            raise ValueError(f"{entry.by} told no figures and left no vectors in {vectors.name}")
        return figures

    def _printed(self, command: list, environment: dict[str, str]) -> dict[str, float]:
        """Runs a command; returns the JSON on the last line of its output."""
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment, capture_output=True, text=True,
            check=True, timeout=self.means.timeout,
        )  # fmt: skip
        return json.loads(done.stdout.splitlines()[-1])

    def _environment(self, peer: str) -> tuple[Path, dict[str, str]]:
        self._peers.mkdir(parents=True, exist_ok=True)
        return python_of(peer, self._peers), self._libmf if peer == "libmf" else {}

    @cached_property
    def _libmf(self) -> dict[str, str]:
        """LIBMF built with SSE; the build with AVX loses accuracy from rank 64."""
        return libmf_builds(self._peers)["libmf-sse"]

    @property
    def _peers(self) -> Path:
        assert self.means.peers is not None, "peers are left out without a folder for them"
        return self.means.peers.resolve()

    def _rows(self, protocol: str, part: str) -> Path:
        path = self.means.scratch / f"{protocol.replace('/', '-')}-{part}.npz"
        if not path.exists():
            task = self.task(protocol, part)
            write_rows(path, task.train, task.test)
        return path

    def _task(self, protocol: str, part: str) -> Task:
        task = TASKS[protocol](self.means.data)
        return task.inner() if part == "inner" else task


def model_of(vectors: Path, task: Task) -> FactorModel:
    """A model that ranks by the dot products of a peer's vectors."""
    with np.load(vectors) as arrays:
        user, item = (np.ascontiguousarray(arrays[name], np.float32) for name in ("user_vectors", "item_vectors"))
    nobody, nothing = (np.zeros(len(rows), np.float32) for rows in (user, item))
    return FactorModel(task.train.training_data, None, 0.0, nobody, nothing, user, item, 0.0, 0.0)


def _said(error: Exception) -> str:
    """The last line of a failed process's output, or of the error."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else None
    return (said or str(error)).strip().splitlines()[-1][:300]
