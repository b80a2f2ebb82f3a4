"""Requests per second of `cofactor serve`, compared with a bare Starlette route that returns the same bytes.

    cofactor train svd ml-1m --rank 64 -o models/ml-1m
    python benchmarks/synthetic_catalogue.py models/catalogue
    python benchmarks/serving.py models/ml-1m models/catalogue [--seconds 8] [--rounds 3] [--workers 1,2]

Clients on this machine request ten items for random known users in a closed loop. Results are medians of the rounds;
for the 99th percentile, the worst round is printed as well. CPU time is that of the server's processes. Further
results: one client alone, with a known user and with a folded-in history; ratings in batches of 100; the memory of
several workers.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from load import WRK, Measured, load

from cofactor.models.base import Model
from cofactor.saved.model_folder import load as load_model

COMMAND = [sys.executable, "-c", "from cofactor.cli import main; main()", "serve"]
ASKED, CLIENTS, BATCH = 2_000, 16, 100
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen
    url: str

    def family(self) -> list[int]:
        """Process ids of the server and all its descendants."""
        ids = [self.process.pid]
        for one in ids:
            ids += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        return ids

    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = [Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split() for one in self.family()]
        return sum(int(one[11]) + int(one[12]) for one in fields) / TICKS

    def memory(self) -> tuple[int, int]:
        """Resident megabytes summed over the processes, and with shared pages counted once."""
        parts = [Path(f"/proc/{one}/smaps_rollup").read_text().splitlines() for one in self.family()]
        found = [{line.split(":")[0]: int(line.split()[1]) for line in one[1:]} for one in parts]
        return sum(one["Rss"] for one in found) // 1024, sum(one["Pss"] for one in found) // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)  # the bytes that a server of this script answers
    given = parser.parse_args()
    if given.bare:
        bare(given.bare.read_bytes())
        return
    workers = [int(one) for one in given.workers.split(",")]
    by = "wrk" if WRK else "asyncio"
    print(f"{CLIENTS} clients in a closed loop, {by}, {given.rounds} rounds of {given.seconds:g} s")
    print("\n| model | server | requests/s | p50 ms | p99 ms (worst round) | failed | CPU µs a request |")
    print("|---|---|---|---|---|---|---|")
    for folder in given.models:
        crowd(folder, workers, given.rounds, given.seconds)
    print("\n| model | request of one client | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|")
    for folder in given.models:
        alone(folder, given.seconds)
    print("\n| model | batches of 100, clients | ratings/s | p50 ms | p99 ms | failed |\n|---|---|---|---|---|---|")
    durable(given.models[0], given.seconds)
    print("\n| model | workers | resident MB | of which shared counted once |\n|---|---|---|---|")
    for folder in given.models:
        memory(folder)


def crowd(folder: Path, workers: Sequence[int], rounds: int, seconds: float) -> None:
    paths = lists_of(load_model(folder))
    with ExitStack() as opened:
        servers = {f"cofactor, workers {n}": opened.enter_context(serving(folder, "--workers", n)) for n in workers}
        with urlopen(servers[f"cofactor, workers {workers[0]}"].url + paths[0]) as answer:
            servers["bare Starlette"] = opened.enter_context(starlette(answer.read()))
        figures: dict[str, list[tuple[Measured, float]]] = {name: [] for name in servers}
        for server in servers.values():
            load(server.url, CLIENTS, 1, paths)
        for _ in range(rounds):
            for name, server in servers.items():
                before = server.cpu()
                measured = load(server.url, CLIENTS, seconds, paths)
                figures[name].append((measured, 1e6 * (server.cpu() - before) / measured.requests))
    for name, rows in figures.items():
        rounds_of = [one for one, _ in rows]
        rate, p50, p99 = (median(getattr(one, what) for one in rounds_of) for what in ("rate", "p50", "p99"))
        worst, failed = max(one.p99 for one in rounds_of), sum(one.failed for one in rounds_of)
        cpu = median(cpu for _, cpu in rows)
        print(f"| {folder.name} | {name} | {rate:,.0f} | {p50:.1f} | {p99:.1f} ({worst:.1f}) | {failed} | {cpu:.0f} |")
        sys.stdout.flush()


def alone(folder: Path, seconds: float) -> None:
    model = load_model(folder)
    with serving(folder) as server:
        questions = {
            "ten items of a known user": (lists_of(model), ()),
            "ten items, history folded in": (["/recommendations"], histories_of(model)),
        }
        for what, (paths, bodies) in questions.items():
            load(server.url, 1, 1, paths, bodies)
            one = load(server.url, 1, seconds, paths, bodies)
            print(f"| {folder.name} | {what} | {one.rate:,.0f} | {one.p50:.2f} | {one.p99:.2f} |", flush=True)


def durable(folder: Path, seconds: float) -> None:
    model, rng = load_model(folder), random.Random(0)
    users, items = model.training_data.users.ids.tolist(), model.training_data.items.ids.tolist()
    highest = model.training_data.scale[1]
    bodies = [
        json.dumps({"ratings": [{"user": u, "item": i, "rating": highest} for u, i in zip(*pair, strict=True)]})
        for pair in ((rng.choices(users, k=BATCH), rng.choices(items, k=BATCH)) for _ in range(200))
    ]
    with tempfile.TemporaryDirectory() as store, serving(folder, "--store", f"{store}/ratings.db") as server:
        for clients in (1, 8):
            one = load(server.url, clients, seconds, ["/ratings"], bodies)
            figures = f"{one.rate * BATCH:,.0f} | {one.p50:.1f} | {one.p99:.1f} | {one.failed}"
            print(f"| {folder.name} | {clients} | {figures} |", flush=True)


def memory(folder: Path) -> None:
    paths = lists_of(load_model(folder))
    for workers in (1, 2, 4):
        with serving(folder, "--workers", workers) as server:
            load(server.url, CLIENTS, 2, paths)
            resident, real = server.memory()
        print(f"| {folder.name} | {workers} | {resident:,} | {real:,} |", flush=True)


def lists_of(model: Model) -> list[str]:
    users = random.Random(1).choices(model.training_data.users.ids.tolist(), k=ASKED)
    return [f"/users/{user}/recommendations?n=10" for user in users]


def histories_of(model: Model) -> list[str]:
    """Request bodies with the histories of random users."""
    training_data, bodies = model.training_data, []
    for user in random.Random(2).choices(range(len(training_data.users)), k=ASKED // 10):
        items, ratings = training_data.rated(user)
        pairs = zip(items[:1000].tolist(), ratings.tolist(), strict=False)
        rated = [{"item": str(training_data.items.ids[item]), "rating": rating} for item, rating in pairs]
        bodies.append(json.dumps({"ratings": rated}))
    return bodies


@contextmanager
def serving(folder: Path, *options: object) -> Iterator[Server]:
    with _started([*COMMAND, str(folder), "--port", "0", *map(str, options)]) as server:
        yield server


@contextmanager
def starlette(content: bytes) -> Iterator[Server]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with _started([sys.executable, __file__, "--bare", file.name]) as server:
            yield server


@contextmanager
def _started(command: list[str]) -> Iterator[Server]:
    """Starts a server and reads its address from the first line on stderr."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if " on http://" not in line:
            sys.exit(line + process.stderr.read())
        yield Server(process, line.split(" on ")[-1].split()[0])
    finally:
        process.terminate()
        process.wait()


def bare(content: bytes) -> None:
    """A server with one route and a constant response: uvicorn, with httptools if that is installed."""
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def same(request: object) -> Response:
        return Response(content, media_type="application/json")

    app = Starlette(routes=[Route("/users/{user}/recommendations", same)])
    config = uvicorn.Config(app, loop="uvloop", http="auto", log_level="warning", access_log=False)
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"bare on http://127.0.0.1:{listening.getsockname()[1]}", file=sys.stderr, flush=True)
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main()
