"""Durable ratings per second, in batches of 1 and 100 from 1 and 8 threads, compared with the disk's sync rate.

    python benchmarks/feedback.py [--folder FOLDER] [--seconds 3]

FOLDER is on the disk to measure. If PostgreSQL is installed, it is started there with its default settings. The sync
rate is measured by appending 4 KiB to a file and syncing it, again and again: the limit of a store without group
commit.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Thread

from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent, RatingStore
from cofactor.serving.lists.filters import OperatorRules
from cofactor.serving.schemas.requests import GivenRating, RatingsBody
from cofactor.serving.service import RecommendationService

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.postgres import Server, programs
from tests.small_service import bundle

BATCHES, THREADS = (1, 100), (1, 8)
USERS, ITEMS = 6_000, 3_700  # about as in MovieLens 1M
HEAVY_USERS, HEAVY = 40, 9_800  # users, and the events of each
BLOCK = b"\0" * 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    print("| store | threads | batch | batches a second | ratings a second | median ms | 99 % ms |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for name, sync in (("fsync", os.fsync), ("fdatasync", os.fdatasync)):
            print(row(f"bare {name}", 1, 0, bare(Path(folder) / "bare", sync, given.seconds)), flush=True)
        file = Path(folder) / "ratings.db"
        words = measure("SQLite", str(file), given.seconds)
        size = f"{file.stat().st_size / words:.0f} bytes for each rating after closing"
        print(f"| SQLite, {size} | | | | | | |", flush=True)
        measure_heavy("SQLite", str(Path(folder) / "heavy.db"))
    with server(given.folder) as address:
        if address is not None:
            measure("PostgreSQL", address, given.seconds)
            measure_heavy("PostgreSQL", address)


def measure(name: str, address: str, seconds: float) -> int:
    """Measures all settings; returns the number of ratings in the store at the end."""
    store = open_store(address)
    for size in BATCHES:
        for threads in THREADS:
            print(row(name, threads, size, together(store, threads, size, seconds)), flush=True)
    users, asked = [str(n % USERS) for n in range(5_000)], []
    for user in users:
        begun = time.perf_counter()
        store.events_of(user)
        asked.append(time.perf_counter() - begun)
    words = store.count()
    told = f"{name}, all events of a user ({words / USERS:.0f}) | 1 | | | | {median(asked) * 1e3:.3f}"
    print(f"| {told} | {sorted(asked)[-50] * 1e3:.3f} |", flush=True)
    store.close()
    return words


def measure_heavy(name: str, address: str) -> None:
    """Measures requests of 1,000 ratings by users who have almost as many events as a store keeps of one."""
    store = open_store(address)
    for user in range(HEAVY_USERS):
        store.append([RatingEvent(f"heavy {user}", str(item), 3.0, 1) for item in range(HEAVY)])
    service, taken = RecommendationService(bundle(), store=store, rules=OperatorRules(new_items=True)), []
    for turn in range(5):
        given = [(f"heavy {n % HEAVY_USERS}", f"{turn} {n // HEAVY_USERS}") for n in range(1_000)]
        body = RatingsBody(ratings=[GivenRating(user=user, item=item, rating=4.0) for user, item in given])
        begun = time.perf_counter()
        service.rate(body)
        taken.append(time.perf_counter() - begun)
    told = f"{name}, request of 1,000 ratings by {HEAVY_USERS} users with {HEAVY:,} events each"
    print(f"| {told} | 1 | 1,000 | | | {median(taken) * 1e3:.0f} | {max(taken) * 1e3:.0f} |", flush=True)
    store.close()


def bare(path: Path, sync: Callable[[int], None], seconds: float) -> tuple[float, list[float]]:
    """Total seconds, and the seconds of each sync."""
    taken: list[float] = []
    with path.open("wb", buffering=0) as file:
        begun = time.perf_counter()
        while (now := time.perf_counter()) - begun < seconds:
            file.write(BLOCK)
            sync(file.fileno())
            taken.append(time.perf_counter() - now)
    return time.perf_counter() - begun, taken


def together(store: RatingStore, threads: int, size: int, seconds: float) -> tuple[float, list[float]]:
    """Total seconds, and the seconds of each batch of `size` ratings, with several threads at once."""
    taken: list[float] = []
    begun = time.perf_counter()

    def put(first: int) -> None:
        number = first
        while (now := time.perf_counter()) - begun < seconds:
            store.append([rating(number * size + n) for n in range(size)])
            taken.append(time.perf_counter() - now)
            number += threads

    running = [Thread(target=put, args=(first,)) for first in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return time.perf_counter() - begun, taken


def rating(number: int) -> RatingEvent:
    """The n-th rating; consecutive ratings have different users and items."""
    place = number * 7_368_787 % (USERS * ITEMS)
    return RatingEvent(str(place // ITEMS), str(place % ITEMS), 1.0 + place % 5, 1_700_000_000 + number)


def row(name: str, threads: int, size: int, measured: tuple[float, list[float]]) -> str:
    seconds, taken = measured
    rate, taken = len(taken) / seconds, sorted(taken)
    told = f"{median(taken) * 1e3:.2f} | {taken[len(taken) * 99 // 100] * 1e3:.2f}"
    return f"| {name} | {threads} | {size or ''} | {rate:,.0f} | {f'{rate * size:,.0f}' if size else ''} | {told} |"


@contextmanager
def server(folder: Path) -> Iterator[str | None]:
    """The address of a PostgreSQL server that is started here, or None if it is not installed."""
    found = programs()
    if found is None:
        yield None
        return
    running = Server.made(found, folder)
    running.start()
    try:
        yield running.address()
    finally:
        running.remove()


if __name__ == "__main__":
    main()
