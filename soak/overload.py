"""Send far more requests than a server can answer: it must refuse the excess at once, stay alive and not grow.

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
from soak.result_table import print_result
from soak.server_process import ServerProcess, start_server
from soak.workers import Fault, Tally

CLOSED, MEASURED = 16, 5.0  # connections and seconds of measuring the capacity
MOST_GROWTH = 300 << 20  # bytes: a thousand connections and what waits on them
LONGEST_LIVE = 0.2  # seconds
REFUSED = ("429", "503")


@dataclass
class ServerMonitor:
    """A thread that requests /live and measures the memory of the server."""

    one: ServerProcess
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    failed: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
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
            self.peak_bytes = max(self.peak_bytes, self.one.resident_bytes())
            time.sleep(max(0.0, 0.1 - (time.perf_counter() - start)))


def flood_server(model: Path, seconds: float, connections: int, workers: int) -> Tally:
    """Sends requests from many connections to a server of a model and returns the results."""
    with start_server(model, "--workers", workers, "--log", "none") as one:
        calm = flood_of(one, CLOSED, MEASURED)
        capacity = calm["200"] / calm["seconds"]
        before, watch = one.resident_bytes(), ServerMonitor(one)
        monitoring = threading.Thread(target=watch.run)
        monitoring.start()
        try:
            counts = flood_of(one, connections, seconds)
        finally:
            watch.ended.set()
            monitoring.join()
        tally = _result(counts, capacity, watch, before)
        if not one.alive or one.ask("/live")[0] != 200 or one.tracebacks():
            tally.faults.append(Fault(0, "the server is not alive, or its log has a traceback", one.log.read_text()))
    return tally


def flood_of(one: ServerProcess, connections: int, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "soak.flood", str(one.port), str(connections), str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
    return Counter(json.loads(done.stdout))


def _result(counts: dict[str, float], capacity: float, watch: ServerMonitor, before: int) -> Tally:
    statuses = {key: int(count) for key, count in counts.items() if key.isdigit()}
    tally = Tally(Counter(statuses), seconds=counts["seconds"])
    times, grown = np.array(watch.seconds), watch.peak_bytes - before
    tally.measurements = {
        "capacity": f"{capacity:,.0f} a second",
        "requested": f"{sum(statuses.values()) / counts['seconds'] / capacity:.1f} × capacity",
        "answered under load": f"{statuses.get('200', 0) / counts['seconds']:,.0f} a second",
        "grew by": f"{grown >> 20} MiB",
        "/live": f"median {np.median(times) * 1e3:.0f}, highest {times.max() * 1e3:.0f} ms of {len(times)}",
    }
    wrong = {
        f"{counts['silent']} refusals without Retry-After": counts["silent"],
        f"{counts['broken']} connections were closed early": counts["broken"],
        f"statuses {statuses}": set(statuses) - {"200", *REFUSED},
        f"grew by {grown >> 20} MiB": grown > MOST_GROWTH,
        f"/live took {times.max():.3f} s": times.max() > LONGEST_LIVE,
        f"/live failed: {watch.failed[:3]}": watch.failed,
    }
    tally.faults = [Fault(0, what) for what, is_so in wrong.items() if is_so]
    return tally


def catalogue(folder: Path, n_users: int = 1000, n_items: int = 4000, rank: int = 64) -> Path:
    """Saves a model of random vectors with about as many users and items as MovieLens 1M."""
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
    parser.add_argument("--model", type=Path, help="A saved model with users 0 … 999; by default a synthetic one.")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch:
        model = given.model or catalogue(Path(scratch) / "m")
        print_result("overload", flood_server(model, given.seconds, given.connections, given.workers))


if __name__ == "__main__":
    main()
