"""Run all checks of Schemathesis on a running server, against the server's own OpenAPI document.

    python -m soak.schemathesis [--cases 10000] [--seed 0] [--workers 2]

`--cases` is the least number of requests; each operation gets an equal share of them as examples.
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

from cofactor.serving.api.routes import ROUTES
from soak.requests import start
from soak.result_table import print_result
from soak.server_process import ServerProcess
from soak.workers import Fault, Tally

PHASES = "examples,coverage,fuzzing"
# Requests neither create nor delete users and items here, so checks of resources do not apply.
EXCLUDED = "use_after_free,ensure_resource_availability,object_level_authorization"

# A body that matches the schema may still name an unknown item (422) or continue a list that has changed (409), and one
# request of many with a wrong key is refused (429). A schema cannot express this.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
"""


def run_schemathesis(one: ServerProcess, cases: int, seed: int, workers: int, scratch: Path) -> Tally:
    """Runs Schemathesis on a server and returns the result."""
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
    """Number of responses by status."""
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
        print_result("schemathesis", run_schemathesis(start(stack), given.cases, given.seed, given.workers, scratch))


if __name__ == "__main__":
    main()
