"""Requests of every sort at a running server: every answer is one of HTTP, and none is a fault.

    python -m soak.bodies [--cases 60000] [--seed 0] [--workers 2] [--only NUMBER]

Seven of eight requests can be read by any server and ask for odd things; the rest are hardly requests. An answer is
2xx in JSON or a problem (RFC 9457) below 500; 429 and 503 say when to ask again. At the end the server lives, its log
tells of no fault, and it weighs at most 150 MB more.
"""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cofactor.saved.model_folder import save
from cofactor.serving.schemas.responses import Problem
from soak.crew import Case, Fault, Tally, done, run
from soak.questions import Wrong
from soak.requests import broken, whole
from soak.samples import models
from soak.served import Served, served
from soak.table import printed
from soak.wire import Answer, Line

MOST_GROWTH = 150 << 20  # bytes
SHARE_BROKEN = 1 / 8
LATER = (429, 503)
LONGEST_LIVE = 2.0  # seconds


def asker(seed: int, port: int) -> Case:
    """Sends the request of a number, and judges what comes back."""
    line = Line(port)

    def case(number: int) -> str:
        rng = np.random.default_rng([seed, number])
        if rng.random() < SHARE_BROKEN:
            answers = line.any(broken(rng), pause=0.002)
            for one in answers:
                judge(one)
            return f"broken {max((one.status for one in answers), default=0)}"
        request = whole(rng)
        answer = line.whole(request.data, head=request.method == "HEAD")
        judge(answer, bare=request.method == "HEAD")
        return str(answer.status)

    return case


def judge(answer: Answer, bare: bool = False) -> None:
    """Raises Wrong for a fault, or an answer that is not of its kind."""
    status, kind = answer.status, answer.headers.get("content-type", "")
    if status >= 500 and status not in LATER:
        raise Wrong(f"{status}: {answer.body[:200]!r}")
    if status in LATER and "retry-after" not in answer.headers:
        raise Wrong(f"{status} without Retry-After")
    if not 200 <= status < 600 or "x-model-version" not in answer.headers:
        raise Wrong(f"{status} of headers {sorted(answer.headers)}")
    if bare or status in (204, 304):
        return
    if status >= 300:
        if kind != "application/problem+json":
            raise Wrong(f"{status} of {kind}: {answer.body[:100]!r}")
        problem = Problem.model_validate_json(answer.body)
        if problem.status != status or not problem.detail or not problem.hint:
            raise Wrong(f"a problem that says too little: {answer.body[:200]!r}")
    elif kind == "application/json":
        json.loads(answer.body)


def shaken(one: Served, seed: int, n: int, workers: int) -> Tally:
    """What came of n cases, and of the server."""
    warm = run(asker, (seed + 1, one.port), min(n // 4, 1000), workers)
    before = one.weight()
    tally = run(asker, (seed, one.port), n, workers)
    grown = one.weight() - before
    tally.outcomes.update(warm.outcomes)
    tally.seconds += warm.seconds
    tally.faults += warm.faults
    tally.figures["grew by"] = f"{grown / 2**20:.0f} MiB"
    if not one.alive or one.ask("/live")[0] != 200:
        tally.faults.append(Fault(n, "the server does not live"))
    if grown > MOST_GROWTH:
        tally.faults.append(Fault(n, f"the server grew by {grown >> 20} MiB"))
    if one.tracebacks():
        tally.faults.append(Fault(n, f"{one.tracebacks()} tracebacks in the log", one.log.read_text()[-3000:]))
    return tally


def start(stack: ExitStack) -> Served:
    """A server of a small model that takes ratings."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    save(dict(models())["factor"], folder / "m", trainer="by hand")
    return stack.enter_context(served(folder / "m", "--store", folder / "ratings.db", "--log", "none"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="do the case of this number again")
    given = parser.parse_args()
    with ExitStack() as stack:
        one = start(stack)
        if given.only is None:
            printed("requests", shaken(one, given.seed, given.cases, given.workers))
            return
        rng = np.random.default_rng([given.seed, given.only])
        print(broken(rng) if rng.random() < SHARE_BROKEN else whole(rng))
        print(done(asker(given.seed, one.port), given.only), one.log.read_text())


if __name__ == "__main__":
    main()
