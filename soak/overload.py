"""Far more asked than can be answered: the server neither falls over nor grows, and says so at once.

    python -m soak.overload [--seconds 60] [--connections 1000] [--workers 2] [--model FOLDER]

First the capacity is measured: 16 connections that ask as soon as they have an answer. Then as many connections as are
given do the same, which asks for whatever a refusal lets through: the table has it as a multiple of the capacity.
Meanwhile /live is asked ten times a second, each time on a connection of its own.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.models.factor import FactorModel
from cofactor.saved.model_folder import save
from soak.crew import Fault, Tally
from soak.served import Served, served
from soak.table import printed

CLOSED, MEASURED = 16, 5.0  # connections and seconds of measuring the capacity
MOST_GROWTH = 300 << 20  # bytes: a thousand connections and what waits on them
LONGEST_LIVE = 0.2  # seconds
REFUSED = ("429", "503")


@dataclass
class Watch:
    """A thread that asks /live and weighs the server."""

    one: Served
    seconds: list[float] = field(default_factory=list)
    heaviest: int = 0
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self.ended.is_set():
            start = time.perf_counter()
            try:
                status = self.one.ask("/live")[0]
            except OSError as error:
                status, failure = 0, f"{type(error).__name__}: {error}"
                self.failed.append(failure)
            if status != 200:
                self.failed.append(str(status))
            self.seconds.append(time.perf_counter() - start)
            self.heaviest = max(self.heaviest, self.one.weight())
            time.sleep(max(0.0, 0.1 - (time.perf_counter() - start)))


def overloaded(model: Path, seconds: float, connections: int, workers: int) -> Tally:
    """What came of a flood of requests to a server of a model."""
    with served(model, "--workers", workers, "--log", "none") as one:
        calm = flood_of(one, CLOSED, MEASURED)
        capacity = calm["200"] / calm["seconds"]
        before, watch = one.weight(), Watch(one)
        looking = threading.Thread(target=watch.look)
        looking.start()
        try:
            told = flood_of(one, connections, seconds)
        finally:
            watch.ended.set()
            looking.join()
        tally = _told(told, capacity, watch, before)
        if not one.alive or one.ask("/live")[0] != 200 or one.tracebacks():
            tally.faults.append(Fault(0, "the server does not live, or its log tells of a fault", one.log.read_text()))
    return tally


def flood_of(one: Served, connections: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "soak.flood", str(one.port), str(connections), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    return Counter(json.loads(done.stdout))


def _told(told: dict[str, float], capacity: float, watch: Watch, before: int) -> Tally:
    statuses = {key: int(count) for key, count in told.items() if key.isdigit()}
    tally = Tally(Counter(statuses), seconds=told["seconds"])
    times, grown = np.array(watch.seconds), watch.heaviest - before
    tally.figures = {
        "capacity": f"{capacity:,.0f} a second",
        "asked": f"{sum(statuses.values()) / told['seconds'] / capacity:.1f} × that",
        "answered meanwhile": f"{statuses.get('200', 0) / told['seconds']:,.0f} a second",
        "grew by": f"{grown >> 20} MiB",
        "/live": f"median {np.median(times) * 1e3:.0f}, highest {times.max() * 1e3:.0f} ms of {len(times)}",
    }
    wrong = {
        f"{told['silent']} refusals without Retry-After": told["silent"],
        f"{told['broken']} connections broke": told["broken"],
        f"statuses {statuses}": set(statuses) - {"200", *REFUSED},
        f"grew by {grown >> 20} MiB": grown > MOST_GROWTH,
        f"/live took {times.max():.3f} s": times.max() > LONGEST_LIVE,
        f"/live failed: {watch.failed[:3]}": watch.failed,
    }
    tally.faults = [Fault(0, what) for what, is_so in wrong.items() if is_so]
    return tally


def catalogue(folder: Path, n_users: int = 1000, n_items: int = 4000, rank: int = 64) -> Path:
    """A saved model of random vectors as large as MovieLens 1M's."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(n_users), 100)
    item = np.concatenate([rng.choice(n_items, 100, replace=False) for _ in range(n_users)])
    ratings = Ratings.of(user, item, rng.integers(1, 6, len(user)))
    n_items = len(ratings.items)
    vectors = [rng.normal(0, 0.3, (n, rank)).astype(np.float32) for n in (n_users, n_items)]
    biases = [rng.normal(0, 0.3, n).astype(np.float32) for n in (n_users, n_items)]
    save(FactorModel(ratings.training_data, ratings.scale, 3.5, *biases, *vectors, 0.1, 0.1), folder, trainer="by hand")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", type=Path, help="a saved model with users 0 … 999; by default made")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        model = given.model or catalogue(Path(scratch) / "m")
        printed("overload", overloaded(model, given.seconds, given.connections, given.workers))


if __name__ == "__main__":
    main()
