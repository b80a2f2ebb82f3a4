"""SVD++ and NSVD compared with Surprise's SVD++: accuracy and CPU seconds on ML-100K u1 and ML-1M 90/10.

    python benchmarks/svdpp.py --data FOLDER [--peers build/peers] [--only ml-100k|ml-1m] [--repeat 3] [--ours]

Hyperparameters are chosen on a held-out tenth of the training ratings; the test ratings are used once, with the chosen
ones and three seeds. Surprise runs once with its defaults, which takes minutes on ML-1M; `--ours` leaves it out.
"""

import argparse
import itertools
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from environments import python_of
from sgd import Fit, Run, child, chosen, ml_1m, written

STEPS = ((20, 0.025), (15, 0.03))  # epochs and learning rate
CANDIDATES = {
    "svdpp": [
        {"n_epochs": epochs, "learning_rate": rate, "l2": l2, "set_l2": set_l2}
        for (epochs, rate), l2, set_l2 in itertools.product(STEPS, (0.03, 0.04, 0.05), (0.001, 0.002, 0.004))
    ],
    "nsvd": [
        {"n_epochs": epochs, "learning_rate": rate, "l2": l2, "set_l2": set_l2}
        for (epochs, rate), l2, set_l2 in itertools.product(STEPS, (0.01, 0.03), (0.0003, 0.001, 0.003))
    ],
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="Folder with ml-1m and ml-100k.")
    arguments.add_argument("--peers", type=Path, default=Path("build/peers"), help="Folder of the peers' environments.")
    arguments.add_argument("--repeat", type=int, default=3, help="Fits for each seed; medians are reported.")
    arguments.add_argument("--only", choices=("ml-100k", "ml-1m"))
    arguments.add_argument("--ours", action="store_true", help="Without Surprise.")
    options = arguments.parse_args()
    options.peers.mkdir(parents=True, exist_ok=True)
    ours = child(Path(sys.executable), "ours.py")
    peer = None if options.ours else child(python_of("surprise", options.peers.resolve()), "surprise_models.py")
    for name, part in {"ml-100k": ml_100k, "ml-1m": ml_1m_90_10}.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as scratch:
                compare(*part(options.data, Path(scratch)), ours, peer, options.repeat)


def ml_100k(folder: Path, scratch: Path) -> tuple[str, Path, Path]:
    """A title, a file with a held-out tenth of the training part, and a file with the training and test parts."""
    parts = [np.loadtxt(folder / "ml-100k" / name)[:, :3] for name in ("u1.base", "u1.test")]
    columns, n = np.concatenate(parts), len(parts[0])
    rows = *(np.unique(columns[:, k], return_inverse=True)[1] for k in (0, 1)), columns[:, 2]
    order = np.random.default_rng(0).permutation(n)
    inner = written(scratch / "inner.npz", *rows, order[n // 10 :], order[: n // 10])
    outer = written(scratch / "outer.npz", *rows, np.arange(n), np.arange(n, len(columns)))
    return "ML-100K, u1", inner, outer


def ml_1m_90_10(folder: Path, scratch: Path) -> tuple[str, Path, Path]:
    """The same for the random split s = 0."""
    *rows, order = ml_1m(folder, 0)
    n = len(order) // 10
    train, test = order[:-n], order[-n:]
    inner = written(scratch / "inner.npz", *rows, train[:-n], train[-n:])
    outer = written(scratch / "outer.npz", *rows, train, test)
    return "ML-1M, random 90/10, s = 0", inner, outer


def compare(title: str, inner: Path, outer: Path, ours: Run, peer: Run | None, repeat: int) -> None:
    print(f"\n## {title}\n\n| system | hyperparameters | RMSE, mean ± spread of three seeds | CPU s | wall s |")
    print("|---|---|---|---|---|", flush=True)
    fits: dict[str, list[Fit]] = {}
    for name, candidates in CANDIDATES.items():
        best = chosen(ours, inner, [{"trainer": name, **one} for one in candidates], 1)
        fits[name] = [ours(outer, {**best, "seed": seed}, 1) for seed in (0, 1, 2) for _ in range(repeat)]
        print(row(f"cofactor {name}", best, fits[name]), flush=True)
    if peer is not None:
        options = {"algorithm": "SVDpp"}
        surprise = [peer(outer, options, 1)]
        print(row("Surprise SVD++", options, surprise))
        ratio = surprise[0]["cpu"] / median(one["cpu"] for one in fits["svdpp"])
        print(f"\nSurprise's CPU seconds over ours: {ratio:.0f}", flush=True)


def row(system: str, options: dict, fits: list[Fit]) -> str:
    rmses = [one["rmse"] for one in fits]
    cpu, wall = (median(one[clock] for one in fits) for clock in ("cpu", "wall"))
    return f"| {system} | {json.dumps(options)} | {np.mean(rmses):.4f} ± {np.std(rmses):.4f} | {cpu:.2f} | {wall:.2f} |"


if __name__ == "__main__":
    main()
