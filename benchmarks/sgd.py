"""SVD compared with Cornac's MF, LIBMF and Surprise's SVD: speed on ML-1M, accuracy on ML-1M and ML-100K.

    python benchmarks/sgd.py --data FOLDER [--peers build/peers] [--only speed|accuracy|ml-100k] [--repeat 3]

Every fit runs in a process of its own; our fits and the peers' alternate. Hyperparameters are chosen on a held-out
tenth of the training ratings; the test ratings are used once, with the chosen ones.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from environments import libmf_builds, python_of

HERE = Path(__file__).parent / "peers"
Fit = dict[str, float]
Run = Callable[[Path, dict, int], Fit]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="Folder with ml-1m and ml-100k.")
    arguments.add_argument("--peers", type=Path, default=Path("build/peers"), help="Folder of the peers' environments.")
    arguments.add_argument("--repeat", type=int, default=3)
    arguments.add_argument("--only", choices=("speed", "accuracy", "ml-100k"))
    options = arguments.parse_args()
    options.peers.mkdir(parents=True, exist_ok=True)
    parts = {"speed": speed, "accuracy": accuracy, "ml-100k": ml_100k}
    for name, part in parts.items():
        if options.only in (None, name):
            part(options.data, systems(options.peers.resolve()), options.repeat)


def systems(folder: Path) -> dict[str, Run]:
    """Functions that fit once with each system, in a process of its own."""
    surprise, cornac, libmf = (python_of(peer, folder) for peer in ("surprise", "cornac", "libmf"))
    builds = libmf_builds(folder)
    return {
        "cofactor": child(Path(sys.executable), "ours.py"),
        "Cornac": child(cornac, "cornac_mf.py"),
        "LIBMF (SSE)": child(libmf, "libmf_mf.py", builds["libmf-sse"]),
        "LIBMF (AVX)": child(libmf, "libmf_mf.py", builds["libmf-avx"]),
        "Surprise": child(surprise, "surprise_models.py"),
        "Surprise, shuffled": child(surprise, "surprise_models.py"),
    }


def child(python: Path, script: str, environment: dict[str, str] | None = None) -> Run:
    """A function that runs a script on (data, options, threads) and returns the JSON of its last line."""
    environment = {**(environment or os.environ), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

    def run(data: Path, options: dict, threads: int) -> Fit:
        command = [python, HERE / script, data, json.dumps(options), str(threads)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{script} failed:\n{done.stderr}")
        return json.loads(done.stdout.splitlines()[-1])

    return run


def ml_1m(folder: Path, seed: int) -> tuple[np.ndarray, ...]:
    """ML-1M 90/10: users, items, values, and a permutation by `seed` whose last tenth is the test part."""
    columns = np.loadtxt(folder / "ml-1m" / "ratings_no_timestamps.csv", delimiter=",", skiprows=1)
    user, item = (np.unique(columns[:, k], return_inverse=True)[1] for k in (0, 1))
    return user, item, columns[:, 2], np.random.default_rng(seed).permutation(len(columns))


def written(
    path: Path, user: np.ndarray, item: np.ndarray, value: np.ndarray, train: np.ndarray, test: np.ndarray
) -> Path:
    """Writes a file of training and test rows for the child processes."""
    np.savez(
        path, shape=[user.max() + 1, item.max() + 1],
        user=user[train].astype(np.int32), item=item[train].astype(np.int32), value=value[train].astype(np.float32),
        test_user=user[test].astype(np.int32), test_item=item[test].astype(np.int32), test_value=value[test],
    )  # fmt: skip
    return path


def speed(folder: Path, fit: dict[str, Run], repeat: int) -> None:
    """Million updates per second on ML-1M: 20 epochs (Surprise: 1), two threads, median of repetitions."""
    print("\n## Raw speed\n\nML-1M, 900,189 training ratings, 20 epochs (Surprise: 1).")
    print("Million rating updates a wall second / a CPU second, medians, and test RMSE after them. Rows come sorted by")
    print("user, which is fastest for Cornac and Surprise; in the last column but two as the split shuffled them.\n")
    print(
        "| rank | threads | " + " | ".join(fit) + " | ours ÷ best peer, wall | ours ÷ Surprise, CPU: sorted, shuffled |"
    )
    print("|---|---|" + "---|" * (len(fit) + 2))
    user, item, value, order = ml_1m(folder, 0)
    n = len(order) // 10
    with tempfile.TemporaryDirectory() as scratch:
        data = written(Path(scratch) / "sorted.npz", user, item, value, np.sort(order[:-n]), order[-n:])
        shuffled = written(Path(scratch) / "shuffled.npz", user, item, value, order[:-n], order[-n:])
        for rank, threads in itertools.product((16, 32, 64, 128), (2, 1)):
            settings = {
                "cofactor": {"rank": rank},
                "Cornac": {"k": rank, "max_iter": 20, "learning_rate": 0.01, "lambda_reg": 0.02},
                "LIBMF (SSE)": {"k": rank, "nr_iters": 20, "eta": 0.1, "l2": 0.05},
                "LIBMF (AVX)": {"k": rank, "nr_iters": 20, "eta": 0.1, "l2": 0.05},
                "Surprise": {"n_factors": rank, "n_epochs": 1},
                "Surprise, shuffled": {"n_factors": rank, "n_epochs": 1},
            }
            fits: dict[str, list[Fit]] = {name: [] for name in fit}
            for round_ in range(repeat):
                for name, run in fit.items():
                    if not name.startswith("Surprise") or round_ == 0:
                        rows = shuffled if name.endswith("shuffled") else data
                        fits[name].append(run(rows, dict(settings[name]), threads))
            print(speed_row(rank, threads, fits, n * 9), flush=True)


def speed_row(rank: int, threads: int, fits: dict[str, list[Fit]], n_train: int) -> str:
    def updates(name: str, clock: str) -> float:
        return n_train * (1 if name.startswith("Surprise") else 20) / median(one[clock] for one in fits[name]) / 1e6

    cells = [f"{updates(x, 'wall'):.1f} / {updates(x, 'cpu'):.1f}, {fits[x][0]['rmse']:.4f}" for x in fits]
    best = max(updates(name, "wall") for name in fits if name != "cofactor")
    over_best = updates("cofactor", "wall") / best
    ours = updates("cofactor", "cpu")
    over_surprise = f"{ours / updates('Surprise', 'cpu'):.0f}, {ours / updates('Surprise, shuffled', 'cpu'):.0f}"
    return f"| {rank} | {threads} | " + " | ".join(cells) + f" | {over_best:.2f} | {over_surprise} |"


OURS = [
    {"rank": rank, "n_epochs": epochs, "learning_rate": rate, "l2": l2}
    for rank, (epochs, rate), l2 in itertools.product((64, 128), ((20, 0.03), (40, 0.02)), (0.03, 0.04, 0.05, 0.06))
]
LIBMF = [
    {"k": rank, "nr_iters": epochs, "eta": 0.1, "l2": l2}
    for rank, epochs, l2 in itertools.product((64, 128), (20, 40), (0.04, 0.05, 0.06))
]


def chosen(run: Run, data: Path, candidates: list[dict], threads: int) -> dict:
    """The candidate with the lowest RMSE on held-out training rows."""
    return min(candidates, key=lambda options: run(data, dict(options), threads)["rmse"])


def accuracy(folder: Path, fit: dict[str, Run], repeat: int) -> None:
    """ML-1M 90/10 for seeds 0, 1, 2; both our model and LIBMF are tuned on training ratings."""
    print("\n## Accuracy: ML-1M, random 90/10\n\nHyperparameters chosen on a tenth of train; test read once.\n")
    print("| s | system | hyperparameters | test RMSE | CPU s | wall s |\n|---|---|---|---|---|---|")
    names = {"cofactor": OURS, "LIBMF (SSE)": LIBMF}
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in (0, 1, 2):
            user, item, value, order = ml_1m(folder, seed)
            n = len(order) // 10
            train, test = order[:-n], order[-n:]
            inner = written(Path(scratch) / "inner.npz", user, item, value, train[:-n], train[-n:])
            outer = written(Path(scratch) / "outer.npz", user, item, value, train, test)
            best = {name: chosen(fit[name], inner, candidates, 2) for name, candidates in names.items()}
            fits: dict[str, list[Fit]] = {name: [] for name in names}
            for _ in range(repeat):
                for name in names:
                    fits[name].append(fit[name](outer, dict(best[name]), 2))
            for name in names:
                cpu, wall = (median(one[clock] for one in fits[name]) for clock in ("cpu", "wall"))
                rmse = fits[name][0]["rmse"]
                results[name].append((rmse, cpu))
                print(
                    f"| {seed} | {name} | {json.dumps(best[name])} | {rmse:.4f} | {cpu:.2f} | {wall:.2f} |", flush=True
                )
    for name, figures in results.items():
        rmses, cpus = zip(*figures, strict=True)
        print(f"\n{name}: mean RMSE {np.mean(rmses):.4f} ± {np.std(rmses):.4f}, mean CPU {np.mean(cpus):.2f} s")
    default_cost(folder, fit, repeat)


def default_cost(folder: Path, fit: dict[str, Run], repeat: int) -> None:
    """CPU seconds to reach an RMSE of 0.838 with our defaults and with each setting of LIBMF, seed 0."""
    print("\nTest RMSE and training time for s = 0, on two threads:\n")
    print("| system | hyperparameters | test RMSE | CPU s | wall s |\n|---|---|---|---|---|")
    user, item, value, order = ml_1m(folder, 0)
    n = len(order) // 10
    rows = [("cofactor", {}), ("cofactor", {"rank": 128})]
    rows += [(name, one) for name in ("LIBMF (SSE)", "LIBMF (AVX)") for one in LIBMF if one["l2"] == 0.05]
    with tempfile.TemporaryDirectory() as scratch:
        data = written(Path(scratch) / "ml-1m.npz", user, item, value, order[:-n], order[-n:])
        for name, options in rows:
            fits = [fit[name](data, dict(options), 2) for _ in range(repeat)]
            cpu, wall = (median(one[clock] for one in fits) for clock in ("cpu", "wall"))
            print(f"| {name} | {json.dumps(options)} | {fits[0]['rmse']:.4f} | {cpu:.2f} | {wall:.2f} |", flush=True)


def ml_100k(folder: Path, fit: dict[str, Run], repeat: int) -> None:
    """ML-100K u1 compared with Cornac and Surprise; our model is tuned on training ratings; three seeds."""
    print("\n## Accuracy: ML-100K, u1\n\nHyperparameters chosen on a tenth of u1.base; u1.test read once.\n")
    parts = [np.loadtxt(folder / "ml-100k" / name)[:, :3] for name in ("u1.base", "u1.test")]
    columns, n = np.concatenate(parts), len(parts[0])
    user, item = (np.unique(columns[:, k], return_inverse=True)[1] for k in (0, 1))
    order = np.random.default_rng(0).permutation(n)
    candidates = [
        {"rank": rank, "n_epochs": epochs, "learning_rate": rate, "l2": l2}
        for rank, (epochs, rate), l2 in itertools.product((64, 128), ((20, 0.04), (40, 0.02)), (0.06, 0.08, 0.1))
    ]
    with tempfile.TemporaryDirectory() as scratch:
        inner = written(Path(scratch) / "inner.npz", user, item, columns[:, 2], order[n // 10 :], order[: n // 10])
        outer = written(
            Path(scratch) / "outer.npz", user, item, columns[:, 2], np.arange(n), np.arange(n, len(columns))
        )
        best = chosen(fit["cofactor"], inner, candidates, 2)
        fits = [fit["cofactor"](outer, {**best, "seed": seed}, 2) for seed in (0, 1, 2) for _ in range(repeat)]
        peer = [fit["Cornac"](outer, {"k": 100, "max_iter": 60, "learning_rate": 0.01, "lambda_reg": 0.1}, 2)]
    rmses = [one["rmse"] for one in fits[::repeat]]
    print(f"cofactor {json.dumps(best)}: RMSE {np.mean(rmses):.4f} ± {np.std(rmses):.4f} over three seeds, ", end="")
    print(f"{median(one['cpu'] for one in fits):.2f} CPU s, {median(one['wall'] for one in fits):.2f} wall s")
    print(f"Cornac MF, rank 100, 60 epochs: RMSE {peer[0]['rmse']:.4f}, {peer[0]['cpu']:.2f} CPU s")


if __name__ == "__main__":
    main()
