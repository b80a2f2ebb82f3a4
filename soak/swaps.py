"""Replace a served model a thousand times under load: no request may fail or mix the answers of two models.

    python -m soak.swaps [--swaps 1000] [--clients 4] [--rate 240]

Two workers serve a folder that holds one of two models in turn. Each is renamed into place, as saving does, and
POST /admin/reload loads it. Every title begins with the name of its model, which reveals a mixture.
"""

import argparse
import json
import shutil
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from cofactor.saved.model_folder import save
from cofactor.serving.loaded_model import LoadedModel
from soak.http_connection import HttpConnection
from soak.model_queries import WrongAnswer
from soak.result_table import print_result
from soak.sample_models import models
from soak.server_process import ServerProcess, start_server
from soak.workers import Fault, Tally

MARKS = ("one", "other")
FOLDED = json.dumps(
    {"ratings": [{"item": "3", "rating": 4.0}, {"item": "5", "rating": 2.0}], "n": 5, "why": 1}
).encode()
REQUESTS = [
    b"GET /users/7/recommendations?n=5&why=1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /items/4/similar?n=5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /search?q=film&n=5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /popular?n=5 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST /recommendations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(FOLDED), FOLDED),
]


@dataclass
class Clients:
    """Threads that send requests at a steady rate, and the results."""

    port: int
    marks: dict[str, str]  # by version
    rate: float  # requests per second of each client
    seen: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def ask(self, first: int) -> None:
        line, number, due = HttpConnection(self.port), first, time.monotonic()
        while not self.ended.is_set():
            number, due = number + 1, due + 1 / self.rate
            try:
                self.seen[self._check(line, REQUESTS[number % len(REQUESTS)])] += 1
            except Exception as error:
                self.faults.append(Fault(sum(self.seen.values()), f"{type(error).__name__}: {error}"))
            time.sleep(max(0.0, due - time.monotonic()))
        line.close()

    def _check(self, line: HttpConnection, request: bytes) -> str:
        """The name of the model that answered; raises WrongAnswer if a part of the response is from another model."""
        answer = line.send_request(request)
        content = json.loads(answer.body)
        if answer.status != 200 or content["model"] != answer.headers["x-model-version"]:
            raise WrongAnswer(f"{answer.status} {content}")
        mark = self.marks[content["model"]]
        if not (titles := set(_titles(content))) or any(not title.startswith(f"{mark} ") for title in titles):
            raise WrongAnswer(f"version {content['model']} is {mark!r}, but the response has {sorted(titles)}")
        return mark


def swap_models(n: int, clients: int, rate: float) -> Tally:
    """Replaces the model n times under `rate` requests per second and returns the results."""
    with TemporaryDirectory() as scratch:
        folders = _saved(Path(scratch))
        live = Path(scratch) / "live"
        shutil.copytree(folders["one"], live)
        with start_server(live, "--workers", 2, "--watch", 0, "--log", "none") as one:
            versions = {mark: LoadedModel.open(folder).version for mark, folder in folders.items()}
            asking = Clients(one.port, {version: mark for mark, version in versions.items()}, rate / clients)
            threads = [threading.Thread(target=asking.ask, args=(first,)) for first in range(clients)]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            done, faults = 0, []
            try:
                for done in range(1, n + 1):
                    faults += _swap(one, live, folders, versions, done)
            except KeyboardInterrupt:  # report the swaps until then
                pass
            finally:
                asking.ended.set()
                for thread in threads:
                    thread.join()
            return _result(asking, faults, done, time.perf_counter() - start)


def _swap(
    one: ServerProcess, live: Path, folders: dict[str, Path], versions: dict[str, str], number: int
) -> list[Fault]:
    mark = MARKS[number % 2]
    beside, aside = live.with_name("next"), live.with_name("aside")
    shutil.copytree(folders[mark], beside)
    live.rename(aside)
    beside.rename(live)
    shutil.rmtree(aside)
    status, _, told = one.reload()
    right = status == 200 and told["model"] == versions[mark]
    return [] if right else [Fault(number, f"reload: {status} {told}, not {versions[mark]}")]


def _result(asking: Clients, faults: list[Fault], n: int, seconds: float) -> Tally:
    tally = Tally(Counter(asking.seen), asking.faults + faults, seconds)
    tally.measurements["swaps"] = f"{n:,}"
    tally.measurements["mixed or failed"] = str(len(asking.faults))
    return tally


def _saved(scratch: Path) -> dict[str, Path]:
    """Saves two models with the same users and items; a title begins with the name of its model."""
    model = dict(models())["factor"]
    for mark in MARKS:
        titles = np.array([f"{mark} film {n}" for n in range(len(model.training_data.items))], dtype=object)
        save(replace(model, training_data=replace(model.training_data, titles=titles)), scratch / mark, trainer=mark)
    return {mark: scratch / mark for mark in MARKS}


def _titles(content: Any) -> list[str]:
    if isinstance(content, list):
        return [title for one in content for title in _titles(one)]
    if not isinstance(content, dict):
        return []
    own = [content["title"]] if "title" in content else []
    return own + [title for one in content.values() for title in _titles(one)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=float, default=240.0)
    given = parser.parse_args()
    print_result("swaps", swap_models(given.swaps, given.clients, given.rate))


if __name__ == "__main__":
    main()
