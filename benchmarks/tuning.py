"""Whether several training runs finish sooner in parallel or one after another on all cores.

    python benchmarks/tuning.py ml-1m svd --rank 64

Runs the same trainings (seeds 0, 1, …) in the processes of `cofactor tune`, once for each way of sharing the cores, and
prints wall and CPU seconds of all of them. The ways take turns, and the best round counts.
"""

import argparse
import tempfile
import time
from pathlib import Path

from cofactor.data.reading.read import read
from cofactor.data.splitting.saved_split import write_parts
from cofactor.data.splitting.split import split
from cofactor.experiments.tuning.worker_pool import WorkerPool
from cofactor.machine import cores
from cofactor.trainers import TRAINERS


def trained(
    folder: Path, jobs: int, threads: int, trainer: str, settings: dict[str, int], n: int
) -> tuple[float, float]:
    """Wall and CPU seconds of n training runs, without process start-up and the first run of each process."""
    threaded = any(p.name == "threads" for p in TRAINERS[trainer].hyperparameters())
    settings = {**settings, **({"threads": threads} if threaded else {})}
    cpu = 0.0

    def run(pool: WorkerPool, wanted: int) -> float:
        given, done, spent = 0, 0, 0.0
        while done < wanted:
            for worker in pool.idle():
                if given < wanted:
                    message = {"trainer": trainer, "hyperparameters": {**settings, "seed": given}, "patience": 1000}
                    pool.assign(worker, given, message)
                    given += 1
            for worker, _, message in list(pool.messages(1.0)):
                if "step" in message:
                    worker.send({"go_on": True})
                elif "failed" in message:
                    raise SystemExit(message["failed"])
                else:
                    done, spent = done + 1, spent + message["judged"]["cpu_seconds"]
        return spent

    with WorkerPool(folder, jobs, threads) as pool:
        pool.start_missing()
        while len(pool.idle()) < jobs:
            list(pool.messages(1.0))
        run(pool, jobs)
        started = time.perf_counter()
        cpu = run(pool, n)
        return time.perf_counter() - started, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("trainer", choices=TRAINERS)
    parser.add_argument("--rank", type=int)
    parser.add_argument("--trainings", type=int, default=2 * cores())
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    settings = {"rank": asked.rank} if asked.rank else {}
    parts = split(read(asked.data))
    ways = [(1, cores()), (cores(), 1)]
    best: dict[tuple[int, int], tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "ratings"
        write_parts(
            folder,
            {"train": parts.train, "validation": parts.validation},
            {"kind": parts.kind, "seed": parts.seed, "fingerprint": parts.fingerprint},
        )
        for _ in range(asked.rounds):
            for way in ways:
                found = trained(folder, *way, asked.trainer, settings, asked.trainings)
                best[way] = min(found, best.get(way, found))
    print(f"{asked.trainings} trainings of {asked.trainer}, {len(parts.train):,} ratings")
    for (jobs, threads), (wall, cpu) in best.items():
        print(f"{jobs} at a time, {threads} threads each: {wall:.1f} s, {cpu:.1f} CPU s")


if __name__ == "__main__":
    main()
