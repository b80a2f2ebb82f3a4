"""`python -m soak`: everything, one after the other, and the table of it.

    python -m soak [--part folders races requests schemathesis swaps kills overload] [--share 1.0]

`--share` of the full numbers; each part alone, with its own options, is `python -m soak.PART`.
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from soak import bodies, folders, kills, overload, races, schemathesis_run, swaps
from soak.crew import Tally, run
from soak.table import printed
from soak.tables import write_bombs

SECONDS = 60.0  # of overload


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0)
    given = parser.parse_args()
    print("| soak | what came of it | rate | |\n|---|---|---|---|", flush=True)
    well = [printed(part, PARTS[part](given.share)) for part in given.part]
    sys.exit(0 if all(well) else 1)


def _folders(share: float) -> Tally:
    with folders.scratch() as scratch:
        write_bombs(Path(scratch))
        return run(folders.opener, (0, scratch), int(60_000 * share))


def _races(share: float) -> Tally:
    with folders.scratch() as scratch:
        return run(races.racer, (scratch,), int(5_000 * share))


def _requests(share: float) -> Tally:
    with ExitStack() as stack:
        return bodies.shaken(bodies.start(stack), 0, int(60_000 * share), 2)


def _schemathesis(share: float) -> Tally:
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        return schemathesis_run.checked(bodies.start(stack), int(10_000 * share), 0, 2, scratch)


def _swaps(share: float) -> Tally:
    return swaps.swapped(int(1_000 * share), 4, 240.0)


def _kills(share: float) -> Tally:
    return kills.killed(int(200 * share), 4, 0)


def _overload(share: float) -> Tally:
    with TemporaryDirectory() as scratch:
        return overload.overloaded(overload.catalogue(Path(scratch) / "m"), SECONDS * share, 1000, 2)


PARTS: dict[str, Callable[[float], Tally]] = {
    "folders": _folders,
    "races": _races,
    "requests": _requests,
    "schemathesis": _schemathesis,
    "swaps": _swaps,
    "kills": _kills,
    "overload": _overload,
}

if __name__ == "__main__":
    main()
