"""Kill a server while it accepts ratings, again and again: every acknowledged rating must be in the store.

    python -m soak.kills [--kills 200] [--clients 4] [--seed 0] [--store postgresql://…]

Clients post batches. After a random time, all processes of the server get SIGKILL, and the store is read. It must
contain each acknowledged rating, unless a later batch that was sent and not acknowledged has overwritten it, and either
all or none of the ratings of such a batch. Without --store, the ratings are stored in an SQLite file.
"""

import argparse
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cofactor.feedback.open_store import open_store
from cofactor.saved.model_folder import save
from soak.result_table import print_result
from soak.sample_models import models
from soak.server_process import ServerProcess, start_server
from soak.workers import Fault, Tally

BATCH = 5  # ratings in a request
SPAN = (0.02, 0.5)  # seconds from the first batch to the kill
VALUES = np.arange(0.5, 5.01, 0.5)

Batch = dict[str, float]  # rating by item


@dataclass
class Client:
    """A client that sends one user's ratings in batches, and the ratings that the store must or may contain."""

    user: str
    rng: np.random.Generator
    certain: Batch = field(default_factory=dict)
    doubtful: Batch = field(default_factory=dict)
    acknowledged: int = 0

    def rate(self, one: ServerProcess) -> None:
        """Sends batches until the server is gone."""
        while True:
            items = self.rng.choice(19, BATCH, replace=False)
            batch = {str(item): float(self.rng.choice(VALUES)) for item in items}
            ratings = [{"user": self.user, "item": item, "rating": rating} for item, rating in batch.items()]
            self.doubtful = batch
            try:
                status, _, told = one.ask("/ratings", "POST", {"ratings": ratings})
            except (OSError, HTTPException, ValueError):  # it was killed before or while it answered
                return
            if status != 200:
                raise RuntimeError(f"{status} {told}")
            self.certain |= batch
            self.doubtful = {}
            self.acknowledged += BATCH

    def compare(self, kept: Batch) -> str:
        """Describes how the stored ratings differ from the expected ones, or returns ""; expects the stored ones."""
        before, after = self.certain, self.certain | self.doubtful
        self.certain, self.doubtful = kept, {}
        if kept in (before, after):
            return ""
        lost = {item: rating for item, rating in before.items() if kept.get(item) != rating}
        return f"user {self.user}: kept {kept}, acknowledged {before}, in doubt {after}: {lost} is another"


def kill_servers(n: int, clients: int, seed: int, store: str = "") -> Tally:
    """Kills a server n times and checks the store each time."""
    rng, tally, start = np.random.default_rng(seed), Tally(), time.perf_counter()
    users = [Client(f"u{number}", np.random.default_rng([seed, number])) for number in range(clients)]
    with TemporaryDirectory() as scratch:
        save(dict(models())["factor"], Path(scratch) / "m", trainer="by hand")
        address = store or str(Path(scratch) / "ratings.db")
        with suppress(KeyboardInterrupt):  # what was done until then is told
            for number in range(n):
                with start_server(Path(scratch) / "m", "--store", address, "--log", "none") as one:
                    _rate_until(one, users, float(rng.uniform(*SPAN)))
                tally.faults += [
                    Fault(number, wrong) for user, kept in _kept(address, users) if (wrong := user.compare(kept))
                ]
                tally.outcomes["kills"] += 1
    tally.seconds = time.perf_counter() - start
    tally.measurements["ratings acknowledged"] = f"{sum(user.acknowledged for user in users):,}"
    return tally


def _rate_until(one: ServerProcess, users: list[Client], seconds: float) -> None:
    threads = [threading.Thread(target=user.rate, args=(one,)) for user in users]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    one.kill()
    for thread in threads:
        thread.join()


def _kept(address: str, users: list[Client]) -> list[tuple[Client, Batch]]:
    store = open_store(address)
    try:
        return [(user, {one.item: one.rating for one in store.events_of(user.user) if one.rating}) for user in users]
    finally:
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--store", default="", help="a postgresql:// address of an empty schema")
    given = parser.parse_args()
    name = "kill -9, PostgreSQL" if given.store else "kill -9, SQLite"
    print_result(name, kill_servers(given.kills, given.clients, given.seed, given.store))


if __name__ == "__main__":
    main()
