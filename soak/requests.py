"""Send random requests to a running server: every response must be valid HTTP and none a server error.

    python -m soak.requests [--cases 60000] [--seed 0] [--workers 2] [--only NUMBER]

Seven of eight requests are well formed and contain unusual values; the others are malformed. A response must be 2xx
with JSON, or a problem (RFC 9457) with a status below 500; 429 and 503 must have Retry-After. At the end, the server
must be alive, its log must contain no traceback, and its memory must have grown by at most 150 MB.
"""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cofactor.saved.model_folder import save
from cofactor.serving.schemas.responses import Problem
from soak.http_connection import Answer, HttpConnection
from soak.http_requests import malformed_request, well_formed_request
from soak.model_queries import WrongAnswer
from soak.result_table import print_result
from soak.sample_models import models
from soak.server_process import ServerProcess, start_server
from soak.workers import Case, Fault, Tally, run, run_case

MOST_GROWTH = 150 << 20  # bytes
SHARE_BROKEN = 1 / 8
LATER = (429, 503)
BY_SERVER = (400, 414, 431, 505)
LONGEST_LIVE = 2.0  # seconds


def request_case(seed: int, port: int) -> Case:
    """Returns a case that sends the request with a given number and checks the response."""
    line = HttpConnection(port)

    def case(number: int) -> str:
        rng = np.random.default_rng([seed, number])
        if rng.random() < SHARE_BROKEN:
            answers = line.send_bytes(malformed_request(rng), pause=0.002)
            for one in answers:
                check_answer(one)
            return f"broken {max((one.status for one in answers), default=0)}"
        request = well_formed_request(rng)
        answer = line.send_request(request.data, head=request.method == "HEAD")
        check_answer(answer, bare=request.method == "HEAD")
        return str(answer.status)

    return case


def check_answer(answer: Answer, bare: bool = False) -> None:
    """Raises WrongAnswer for a server error or a response of the wrong form."""
    status, kind = answer.status, answer.headers.get("content-type", "")
    if status in BY_SERVER and not answer.body and "x-model-version" not in answer.headers:
        return  # what is not HTTP does not reach the application
    if status >= 500 and status not in (*LATER, 501):
        raise WrongAnswer(f"{status}: {answer.body[:200]!r}")
    if status in LATER and "retry-after" not in answer.headers:
        raise WrongAnswer(f"{status} without Retry-After")
    if not 200 <= status < 600 or "x-model-version" not in answer.headers:
        raise WrongAnswer(f"{status} with headers {sorted(answer.headers)}")
    if bare or status in (204, 304):
        return
    if status >= 300:
        if kind != "application/problem+json":
            raise WrongAnswer(f"{status} with {kind}: {answer.body[:100]!r}")
        problem = Problem.model_validate_json(answer.body)
        if problem.status != status or not problem.detail or not problem.hint:
            raise WrongAnswer(f"a problem without detail or hint: {answer.body[:200]!r}")
    elif kind == "application/json":
        json.loads(answer.body)


def fuzz_server(one: ServerProcess, seed: int, n: int, workers: int) -> Tally:
    """Sends n requests and returns their results, with those of the server itself."""
    warm = run(request_case, (seed + 1, one.port), min(n // 4, 1000), workers)
    before = one.resident_bytes()
    tally = run(request_case, (seed, one.port), n, workers)
    grown = one.resident_bytes() - before
    tally.outcomes.update(warm.outcomes)
    tally.seconds += warm.seconds
    tally.faults += warm.faults
    tally.measurements["grew by"] = f"{grown / 2**20:.0f} MiB"
    if not one.alive or one.ask("/live")[0] != 200:
        tally.faults.append(Fault(n, "the server is not alive"))
    if grown > MOST_GROWTH:
        tally.faults.append(Fault(n, f"the server grew by {grown >> 20} MiB"))
    if one.tracebacks():
        tally.faults.append(Fault(n, f"{one.tracebacks()} tracebacks in the log", one.log.read_text()[-3000:]))
    return tally


def start(stack: ExitStack) -> ServerProcess:
    """Starts a server with a small model and a rating store."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    save(dict(models())["factor"], folder / "m", trainer="by hand")
    return stack.enter_context(start_server(folder / "m", "--store", folder / "ratings.db", "--log", "none"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", type=int, help="Repeat the case with this number.")
    given = parser.parse_args()
    with ExitStack() as stack:
        one = start(stack)
        if given.only is None:
            print_result("requests", fuzz_server(one, given.seed, given.cases, given.workers))
            return
        rng = np.random.default_rng([given.seed, given.only])
        print(malformed_request(rng) if rng.random() < SHARE_BROKEN else well_formed_request(rng))
        print(run_case(request_case(given.seed, one.port), given.only), one.log.read_text())


if __name__ == "__main__":
    main()
