"""`python -m soak`: runs all parts, one after another, and prints a table of the results.

    python -m soak [--part folders races requests schemathesis swaps kills overload attacks] [--share 1.0]

`--share` runs that share of the full number of cases. `python -m soak.PART` runs one part, with options of its own.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from soak import attacks, folders, kills, overload, races, requests, schemathesis, swaps
from soak.parquet_tables import write_bombs
from soak.result_table import print_result
from soak.workers import Tally, run

OVERLOAD_SECONDS = ATTACK_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    print("| part | result | rate | |\n|---|---|---|---|", flush=True)
    well = [print_result(part, PARTS[part](given.share)) for part in given.part]
    sys.exit(0 if all(well) else 1)


def _folders(share: float) -> Tally:
    with folders.temporary_folder() as scratch:
        write_bombs(Path(scratch))
        return run(folders.opening_case, (0, scratch), int(60_000 * share))


def _races(share: float) -> Tally:
    with folders.temporary_folder() as scratch:
        return run(races.racing_case, (scratch,), int(5_000 * share))


def _requests(share: float) -> Tally:
    with ExitStack() as stack:
        return requests.fuzz_server(requests.start(stack), 0, int(60_000 * share), 2)


def _schemathesis(share: float) -> Tally:
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        return schemathesis.run_schemathesis(requests.start(stack), int(10_000 * share), 0, 2, scratch)


def _swaps(share: float) -> Tally:
    return swaps.swap_models(int(1_000 * share), 4, 240.0)


def _kills(share: float) -> Tally:
    return kills.kill_servers(int(200 * share), 4, 0)


def _overload(share: float) -> Tally:
    with TemporaryDirectory() as scratch:
        return overload.flood_server(overload.catalogue(Path(scratch) / "m"), OVERLOAD_SECONDS * share, 1000, 2)


def _attacks(share: float) -> Tally:
    return attacks.run_attacks(list(attacks.ATTACKS), ATTACK_SECONDS * share, 2)


PARTS: dict[str, Callable[[float], Tally]] = {
    "folders": _folders,
    "races": _races,
    "requests": _requests,
    "schemathesis": _schemathesis,
    "swaps": _swaps,
    "kills": _kills,
    "overload": _overload,
    "attacks": _attacks,
}

if __name__ == "__main__":
    main()
