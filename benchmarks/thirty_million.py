"""30 million synthetic ratings from Parquet to a saved model, compared with LIBMF on the same rows.

    python benchmarks/thirty_million.py [--choose] [--users 1e6] [--items 1000] [--per-user 30] [--peers build/peers]

All steps (read, split, train, evaluate, save) run in one process, whose peak memory is printed. RMSE is printed with
the noise floor of the data: the RMSE of a model with the true expectations. `--choose` picks the hyperparameters on a
tenth of the training rows, before any test row is used.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "peers"))

CANDIDATES = [
    {"learning_rate": rate, "l2": l2, "init": init}
    for rate, l2, init in (
        (0.03, 0.04, 0.1),
        (0.04, 0.02, 0.03),
        (0.04, 0.02, 0.1),
        (0.05, 0.03, 0.03),
        (0.04, 0.03, 0.03),
    )
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=float, default=1e6)
    parser.add_argument("--items", type=float, default=1000)
    parser.add_argument("--per-user", type=float, default=30)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--svd", type=json.loads, default={}, help="Further hyperparameters of our trainer, as JSON.")
    parser.add_argument("--choose", action="store_true", help="Choose our hyperparameters on training rows first.")
    parser.add_argument("--libmf-l2", type=float, nargs="*", default=[0.02, 0.04, 0.06, 0.08])
    parser.add_argument("--peers", type=Path, help="Folder of LIBMF's environment; without it, LIBMF is left out.")
    parser.add_argument("--whole-way", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.whole_way:
        whole_way(given.whole_way, {"rank": given.rank, "n_epochs": given.epochs, **given.svd})
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        made = make(folder, int(given.users), int(given.items), int(given.per_user))
        ours = dict(given.svd)
        if given.choose:  # in a process of its own: a child counts its parent's memory as its own peak
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                ours |= pool.submit(chosen, folder, given.rank, given.epochs).result()
        command = [sys.executable, __file__, *sys.argv[1:], "--svd", json.dumps(ours), "--whole-way", folder]
        subprocess.run(command, check=True)
        print(f"\nthe lowest possible RMSE, that of the expected ratings: {made:.4f}")
        if given.peers:
            beside_libmf(folder, given)


def make(folder: Path, users: int, items: int, per_user: int) -> float:
    from cofactor.data.synthetic.generate import generate_parquet

    started = time.perf_counter()
    made = generate_parquet(folder / "ratings.parquet", users, items, per_user)
    print(f"made {users * per_user:,} ratings in {time.perf_counter() - started:.1f} s")
    return float(made.best_rmse)


def chosen(folder: Path, rank: int, epochs: int) -> dict[str, float]:
    """The candidate with the lowest RMSE on a tenth of the training rows; test rows are not used."""
    from cofactor.data.reading.read import read
    from cofactor.data.splitting.split import split
    from cofactor.trainers.svd import SVD

    train = split(read(folder / "ratings.parquet"), "random", seed=0, test=0.1, validation=0).train
    order = np.random.default_rng(1).permutation(len(train))
    inner, held_out = train.where(np.sort(order[len(order) // 10 :])), train.where(order[: len(order) // 10])
    print("\n| candidate | RMSE on held-out training rows |\n|---|---|")
    reached = []
    for one in CANDIDATES:
        model = SVD(rank=rank, n_epochs=epochs, **one).fit(inner)
        error = model.predict_rows(held_out.user, held_out.item).astype(np.float64) - held_out.value
        reached.append(float(np.sqrt(np.mean(error**2))))
        print(f"| {json.dumps(one)} | {reached[-1]:.4f} |", flush=True)
    return CANDIDATES[int(np.argmin(reached))]


def whole_way(folder: Path, hyperparameters: dict) -> None:
    """Reads, splits, trains, evaluates and saves; prints wall and CPU seconds of each step."""
    from cofactor.data.reading.read import read
    from cofactor.data.splitting.split import split
    from cofactor.evaluation.evaluate import evaluate
    from cofactor.saved.model_folder import save
    from cofactor.trainers.svd import SVD

    print("\n| stage | wall s | CPU s | peak MB so far |\n|---|---|---|---|")
    begun, clock = (time.perf_counter(), time.process_time()), [time.perf_counter(), time.process_time()]

    def stage(name: str) -> None:
        now = [time.perf_counter(), time.process_time()]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {name} | {now[0] - clock[0]:.1f} | {now[1] - clock[1]:.1f} | {peak:.0f} |", flush=True)
        clock[:] = now

    ratings = read(folder / "ratings.parquet")
    stage("read Parquet")
    parts = split(ratings, "random", seed=0, test=0.1, validation=0)
    del ratings
    stage("split 90/10")
    trainer = SVD(**hyperparameters)
    model = trainer.fit(parts.train)
    stage(f"train {json.dumps(hyperparameters)}")
    report = evaluate(model, parts.test, k=(10,))
    stage("evaluate")
    save(model, folder / "model", trainer="svd", hyperparameters=trainer.settings(), metrics=report.metrics)
    stage("save")
    wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| all | {wall:.1f} | {cpu:.1f} | {peak:.0f} |")
    print(f"\nRMSE {report.metrics['rmse']:.4f}, NDCG@10 {report.metrics['ndcg@10']:.4f}")
    train, test = parts.train, parts.test
    np.savez(
        folder / "rows.npz", shape=[len(train.users), len(train.items)],
        user=train.user, item=train.item, value=train.value,
        test_user=test.user, test_item=test.item, test_value=test.value,
    )  # fmt: skip


def beside_libmf(folder: Path, given: argparse.Namespace) -> None:
    """LIBMF on the same rows, with the λ of the lowest test RMSE, which favours it."""
    from environments import libmf_builds, python_of
    from sgd import child

    peers = given.peers.resolve()
    builds = libmf_builds(peers)
    print("\n| LIBMF build | λ | test RMSE | fit wall s | fit CPU s |\n|---|---|---|---|---|")
    for build in ("libmf-sse", "libmf-avx"):
        run = child(python_of("libmf", peers), "libmf_mf.py", builds[build])
        for l2 in given.libmf_l2:
            options = {"k": given.rank, "nr_iters": given.epochs, "eta": 0.1, "l2": l2}
            fit = run(folder / "rows.npz", options, 2)
            print(f"| {build} | {l2} | {fit['rmse']:.4f} | {fit['wall']:.1f} | {fit['cpu']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
