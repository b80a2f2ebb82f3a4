"""Schemathesis' checks of a running server against its own document of the API, all of them.

    python -m soak.schemathesis_run [--cases 10000] [--seed 0] [--workers 2]

`--cases` is what is wanted at least: the examples of each operation are that many over the number of operations.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from cofactor.serving.http.routes import ROUTES
from soak.bodies import start
from soak.crew import Fault, Tally
from soak.served import Served
from soak.table import printed

PHASES = "examples,coverage,fuzzing"
# A user or an item is not made by a request here, so that none has to be there or be gone after one.
EXCLUDED = "use_after_free,ensure_resource_availability,object_level_authorization"

# A body may be of the documented shape and yet name an item that the model does not know (422), or go on with a list
# that has changed (409), or be one of many with a wrong key (429): what a schema cannot say.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
"""


def checked(one: Served, cases: int, seed: int, workers: int, scratch: Path) -> Tally:
    """What schemathesis made of a server."""
    began, report = time.perf_counter(), scratch / "events.ndjson"
    (scratch / "schemathesis.toml").write_text(CONFIG)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{one.port}/openapi.json"),
        *(
            "--checks",
            "all",
            "--exclude-checks",
            EXCLUDED,
            "--phases",
            PHASES,
            "--max-examples",
            cases // len(ROUTES) + 1,
        ),
        *("--seed", seed, "--workers", workers, "--continue-on-failure"),
        *("--suppress-health-check", "all", "--report", "ndjson", "--report-ndjson-path", report, "--no-color"),
    ]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=scratch)
    tally = Tally(_statuses(report), seconds=time.perf_counter() - began)
    if done.returncode or not one.alive or one.tracebacks():
        said = done.stdout[-6000:] + done.stderr[-500:]
        tally.faults.append(Fault(0, f"schemathesis ended with {done.returncode}", said))
    return tally


def _statuses(report: Path) -> Counter[str]:
    """How many answers there were of each status."""
    found: Counter[str] = Counter()
    for line in report.read_text().splitlines():
        _count(json.loads(line), found)
    return found


def _count(node: object, found: Counter[str]) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("status_code"), int):
            found[str(node["status_code"])] += 1
        for one in node.values():
            _count(one, found)
    elif isinstance(node, list):
        for one in node:
            _count(one, found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        printed("schemathesis", checked(start(stack), given.cases, given.seed, given.workers, scratch))


if __name__ == "__main__":
    main()
