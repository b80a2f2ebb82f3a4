"""The command line that `ratings.py` and `ranking.py` share."""

import argparse
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from results import METRICS, TABLES, Results, lines_of, markdown
from runner import PEERS, Bench, Entry, Means

from cofactor.trainers import TRAINERS

Entries = dict[str, list[Entry]]  # by family of protocols: "ml-100k" is that of "ml-100k/u1"


def main(description: str, entries: Entries, seeds: dict[str, tuple[int, ...]], kept: str) -> None:
    """Runs the entries that the command line selects. `seeds`: seeds by protocol; `kept`: the JSON file."""
    given = _asked(description, seeds, kept)
    with tempfile.TemporaryDirectory() as scratch:
        means = Means(
            given.data, Path(scratch), given.peers, given.threads, given.timeout, given.choose, given.again
        )  # fmt: skip
        bench = Bench(means, Results(given.json))
        for protocol, its_seeds in seeds.items():
            if any(protocol.startswith(one) for one in given.protocol):
                wanted = [one for one in entries[protocol.partition("/")[0]] if _wanted(one, given)]
                bench.all(protocol, wanted, tuple(one for one in its_seeds if one in (given.seeds or its_seeds)))
    for title, protocols in TABLES.items():
        lines = lines_of(bench.results.records, title)
        if lines and set(protocols) <= set(seeds):
            print(f"\n## {title}\n\n{markdown(lines, METRICS[title])}")
    if bench.failed:
        sys.exit("\nfailed:\n" + "\n".join(bench.failed))


def _asked(description: str, seeds: dict[str, tuple[int, ...]], kept: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--data", type=Path, required=True, help="Folder of ml-100k, ml-1m, gowalla, ncf-ml-1m.")
    add("--peers", type=Path, help="Folder of the peers' environments; without it, only our trainers run.")
    add("--json", type=Path, default=Path(kept), help=f"File for the results ({kept}).")
    add("--protocol", nargs="+", default=[""], help=f"Protocols, or the beginnings of their names: {', '.join(seeds)}.")
    add(
        "--only",
        nargs="+",
        default=["*"],
        help="Names or patterns of entries or systems, for example svd 'myFM*' cofactor.",
    )
    add("--seeds", nargs="+", type=int, help="Seeds, of those that a protocol has.")
    add("--choose", action="store_true", help="Choose hyperparameters without reading the test part.")
    add("--again", action="store_true", help="Repeat measurements that are stored already.")
    add("--threads", type=int, default=2)
    add("--timeout", type=float, default=3600, help="Seconds after which a fit is stopped (3600).")
    return parser.parse_args()


def _wanted(entry: Entry, given: argparse.Namespace) -> bool:
    there = entry.by in TRAINERS if entry.system == "cofactor" else given.peers and (PEERS / entry.by).exists()
    names = entry.name.lower(), entry.system
    return bool(there) and any(fnmatchcase(name, pattern.lower()) for name in names for pattern in given.only)
