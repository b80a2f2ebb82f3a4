"""Attack a server in the ways that once stopped it: /live must answer, memory must be bounded, and stopping must work.

    python -m soak.attacks [--seconds 60] [--attack NAME …] [--workers 2]

Each attack runs against a server of its own, with a neighbour model and a store, by clients without a key. /live is
requested ten times a second meanwhile, each time on a new connection.
"""

import argparse
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.saved.model_folder import save
from cofactor.trainers.knn import KNN
from soak.overload import ServerMonitor
from soak.result_table import print_result
from soak.server_process import ServerProcess, start_server
from soak.workers import Fault, Tally

MAX_LIVE = 0.25  # seconds, 99th percentile
MAX_MEMORY = 1.3  # times the memory before
SLACK = 32 << 20  # bytes
GIVEN_BACK = 60.0  # seconds
MAX_STOP = 15.0  # seconds
N_USERS, N_ITEMS, N_RATED = 2_000, 3_000, 40
HOST = b"Host: 127.0.0.1\r\n"

Stop = Callable[[], bool]


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    """A connection whose failures are part of the attack."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as one:
        yield one


def pause(stop: Stop) -> None:
    """Waits until the end of an attack."""
    while not stop():
        time.sleep(0.05)


def endless_trailers(port: int, stop: Stop) -> None:
    """Trailers of a chunked body that never end."""
    while not stop():
        with connection(port) as one:
            one.sendall(b"POST /ratings HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n")
            while not stop():
                one.sendall((b"X-" + os.urandom(8).hex().encode() + b": " + b"a" * 4000 + b"\r\n") * 16)


def endless_head(port: int, stop: Stop) -> None:
    """Headers that never end."""
    while not stop():
        with connection(port) as one:
            one.sendall(b"GET /live HTTP/1.1\r\n" + HOST)
            while not stop():
                one.sendall((b"X-" + os.urandom(8).hex().encode() + b": " + b"a" * 4000 + b"\r\n") * 16)


def slow_heads(port: int, stop: Stop) -> None:
    """A hundred connections that send a byte of their headers in a second."""
    _trickle(port, stop, b"GET /live HTTP/1.1\r\n" + HOST + b"X-Slow: " + b"a" * 10_000)


def slow_bodies(port: int, stop: Stop) -> None:
    """A hundred connections that send a byte of their body in a second."""
    head = (
        b"POST /recommendations HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    _trickle(port, stop, head + b"{" * 9999, len(head))


def pipelined(port: int, stop: Stop) -> None:
    """Connections that send 20,000 requests each and read slowly or never."""
    whole = (b"GET /users/1/recommendations?n=100 HTTP/1.1\r\n" + HOST + b"\r\n") * 20_000
    while not stop():
        with connection(port) as one:
            one.settimeout(0.5)
            sent = memoryview(whole)
            while sent and not stop():
                with suppress(TimeoutError):
                    sent = sent[one.send(sent[: 1 << 16]) :]
            pause(stop)


def never_reading(port: int, stop: Stop) -> None:
    """Sixty connections that request long lists again and again and never read."""
    request = b"GET /map?n=2000 HTTP/1.1\r\n" + HOST + b"\r\n"
    opened = []
    for _ in range(60):
        with suppress(OSError):
            one = socket.create_connection(("127.0.0.1", port), timeout=5)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.settimeout(0.02)
            opened.append(one)
    while not stop():
        for one in opened:
            with suppress(OSError):
                one.send(request * 20)
    for one in opened:
        one.close()


def costly_lists(port: int, stop: Stop) -> None:
    """Lists with explanations for 1,000 ratings in the request."""
    ratings = [{"item": str(item), "rating": 4} for item in range(1000)]
    body = json.dumps({"ratings": ratings, "n": 100, "why": 10}).encode()
    _post(port, stop, b"/recommendations", body)


def costly_batches(port: int, stop: Stop) -> None:
    """Batches of a hundred users with explanations."""
    body = json.dumps({"users": [str(user) for user in range(100)], "n": 100, "why": 10}).encode()
    _post(port, stop, b"/batch/recommendations", body)


def many_ratings(port: int, stop: Stop) -> None:
    """1,000 ratings in each request, of 200 users whose histories grow."""
    rng = np.random.default_rng(os.getpid())
    while not stop():
        pairs = zip(rng.integers(0, 200, 1000).tolist(), rng.permutation(N_ITEMS)[:1000].tolist(), strict=True)
        ratings = [{"user": f"u{user}", "item": str(item), "rating": 4} for user, item in pairs]
        _post(port, stop, b"/ratings", json.dumps({"ratings": ratings}).encode(), once=True)


def refused(port: int, stop: Stop) -> None:
    """Requests that are refused, each of which is a line of the log."""
    request = b"GET /users/1/recommendations HTTP/1.1\r\nHost: evil.example\r\n\r\n" * 50
    while not stop():
        with connection(port) as one:
            while not stop():
                one.sendall(request)
                one.recv(1 << 16)


def malformed(port: int, stop: Stop) -> None:
    """Bytes that are no HTTP."""
    while not stop():
        with connection(port) as one:
            one.sendall(os.urandom(2000))
            one.recv(1 << 16)


ATTACKS: Mapping[str, Callable[[int, Stop], None]] = {
    attack.__name__.replace("_", "-"): attack
    for attack in (
        endless_trailers, endless_head, slow_heads, slow_bodies, pipelined, never_reading,
        costly_lists, costly_batches, many_ratings, refused, malformed,
    )
}  # fmt: skip
THREADS = {"pipelined": 10, "costly-lists": 4, "costly-batches": 4, "many-ratings": 2}


@dataclass
class Result:
    """What an attack did to a server."""

    live: list[float] = field(default_factory=list)  # seconds of each request of /live
    failed: list[str] = field(default_factory=list)
    before: int = 0  # resident bytes
    peak: int = 0
    after: int = 0
    stop_seconds: float = 0.0
    exit_code: int | None = None

    @property
    def live_p99(self) -> float:
        """99th percentile of the seconds of /live."""
        return float(np.quantile(self.live, 0.99))

    def faults(self) -> list[str]:
        """What is worse than it may be."""
        most = MAX_MEMORY * self.before + SLACK
        checks = {
            f"/live took {self.live_p99:.3f} s": self.live_p99 > MAX_LIVE,
            f"/live failed: {self.failed[:3]}": bool(self.failed),
            f"memory grew from {self.before >> 20} to {self.peak >> 20} MiB": self.peak > most,
            f"memory stays at {self.after >> 20} of {self.before >> 20} MiB": self.after > most,
            f"stopping took {self.stop_seconds:.1f} s": self.stop_seconds > MAX_STOP,
            f"exit code {self.exit_code}": self.exit_code != 0,
        }
        return [what for what, is_so in checks.items() if is_so]


def attack_server(name: str, model: Path, seconds: float, workers: int, given_back: float = GIVEN_BACK) -> Result:
    """Runs one attack for some seconds against a new server."""
    result = Result()
    with (
        TemporaryDirectory() as scratch,
        start_server(model, "--workers", workers, "--store", Path(scratch) / "ratings.db", "--watch", 1) as one,
    ):
        warm_up(one)
        result.before = one.resident_bytes()
        watch, ended = ServerMonitor(one), threading.Event()
        threads = [threading.Thread(target=watch.run)]
        threads += [
            threading.Thread(target=ATTACKS[name], args=(one.port, ended.is_set)) for _ in range(THREADS.get(name, 1))
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        ended.set()
        watch.ended.set()
        for thread in threads:
            thread.join(30)
        result.live, result.failed, result.peak = watch.seconds, watch.failed, watch.peak_bytes
        end = time.monotonic() + given_back
        while (after := one.resident_bytes()) > MAX_MEMORY * result.before + SLACK and time.monotonic() < end:
            time.sleep(0.5)
        result.after = after
        start = time.monotonic()
        one.process.send_signal(signal.SIGTERM)
        with suppress(Exception):
            result.exit_code = one.process.wait(60)
        result.stop_seconds = time.monotonic() - start
    return result


def warm_up(one: ServerProcess) -> None:
    """Requests of every kind, so that the memory before an attack includes what every service needs."""
    for _ in range(30):
        one.ask("/users/1/recommendations?n=100&why=3")
        one.ask("/map?n=2000")
        one.ask("/recommendations", "POST", {"ratings": [{"item": str(n), "rating": 4} for n in range(100)], "n": 100})
        one.ask("/ratings", "POST", {"ratings": [{"user": "w", "item": "1", "rating": 4}]})


def neighbour_model(folder: Path) -> Path:
    """Saves a neighbour model of random ratings."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(N_USERS), N_RATED)
    item = np.concatenate([rng.choice(N_ITEMS, N_RATED, replace=False) for _ in range(N_USERS)])
    save(KNN().fit(Ratings.of(user, item, rng.integers(1, 6, len(user)))), folder, trainer="knn")
    return folder


def run_attacks(names: list[str], seconds: float, workers: int) -> Tally:
    """Runs attacks one after another."""
    tally, start = Tally(Counter()), time.monotonic()
    with TemporaryDirectory() as scratch:
        model = neighbour_model(Path(scratch) / "m")
        for number, name in enumerate(names):
            result = attack_server(name, model, seconds, workers)
            tally.outcomes[name] += 1
            tally.measurements[name] = (
                f"/live p99 {1e3 * result.live_p99:.0f} ms, memory {result.before >> 20} → {result.peak >> 20} → "
                f"{result.after >> 20} MiB, stop {result.stop_seconds:.1f} s"
            )
            tally.faults += [Fault(number, f"{name}: {what}") for what in result.faults()]
    tally.seconds = time.monotonic() - start
    return tally


def _trickle(port: int, stop: Stop, whole: bytes, at_once: int = 0) -> None:
    opened: dict[int, socket.socket] = {}
    sent: dict[int, int] = {}
    while not stop():
        for number in range(100):
            try:
                if number not in opened:
                    opened[number] = socket.create_connection(("127.0.0.1", port), timeout=5)
                    opened[number].sendall(whole[:at_once])
                    sent[number] = at_once
                opened[number].sendall(whole[sent[number] : sent[number] + 1])
                sent[number] += 1
            except OSError:
                if number in opened:
                    opened.pop(number).close()
        time.sleep(1.0)
    for one in opened.values():
        one.close()


def _post(port: int, stop: Stop, path: bytes, body: bytes, once: bool = False) -> None:
    request = b"POST " + path + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nConnection: close\r\n"
    request += b"Content-Length: %d\r\n\r\n" % len(body) + body
    while not stop():
        with connection(port) as one:
            one.settimeout(60)
            one.sendall(request)
            while one.recv(1 << 16):
                pass
        if once:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--attack", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print_result("attacks", run_attacks(given.attack, given.seconds, given.workers))


if __name__ == "__main__":
    main()
