"""The deep models: speed compared with plain PyTorch, accuracy, and the effects of transfer and of leaked ratings.

    python benchmarks/deep.py --data FOLDER [--only predecessor|epoch|accuracy|transfer] [--seeds 0 1 2] [--repeat 3]

Speed: every fit runs in a process of its own on one thread; our fits and plain PyTorch's alternate. Accuracy: the
number of epochs is chosen on a held-out tenth of the training part; a model is then trained on all of it for as many
epochs, and the test part is used once.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import mean, median, stdev

sys.path.insert(0, str(Path(__file__).parent / "peers"))
from rows import write_rows
from tasks import TASKS, Task

from cofactor.data.ratings import Ratings
from cofactor.models.base import Model
from cofactor.trainers import TRAINERS
from cofactor.training.early_stopping import early_stopping

PEERS = Path(__file__).parent / "peers"
A = {"rank": 15, "batch_size": 1000, "steps": 20_000, "learning_rate": 0.001, "l2": 0.05}
ENSEMBLE = {"rank": 64, "deep_rank": 16, "batch_size": 1000, "dropout": 0.1, "n_epochs": 1}
LAYERS = {"128,64": [128, 64], "64,32,16,8": [64, 32, 16, 8]}
REACHED = 0.850  # RMSE on the tenth held out, by which the speed of learning is told
PATIENCE = 4
Start = Mapping[str, Model] | None


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="Folder with ml-1m and ml-100k.")
    arguments.add_argument("--only", choices=("predecessor", "epoch", "accuracy", "transfer"))
    arguments.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments.add_argument("--repeat", type=int, default=3)
    options = arguments.parse_args()
    parts = {"predecessor": predecessor, "epoch": epoch, "accuracy": accuracy, "transfer": transfer}
    for name, part in parts.items():
        if options.only in (None, name):
            part(options.data, options.seeds, options.repeat)


def predecessor(folder: Path, seeds: list[int], repeat: int) -> None:
    """20,000 batches of 1000 ratings, as in the first predecessor of this package."""
    print(f"\n## Latent factors with a predecessor's settings\n\nML-1M 90/10, {json.dumps(A)}, Adam, one thread.\n")
    ours = {
        **A,
        "trainer": "latent-factor",
        "optimiser": "adam",
        "schedule": "constant",
        "bias_l2": 0.0,
        "init": 0.02 * 15**0.5,
    }
    with tempfile.TemporaryDirectory() as scratch:
        files = [rows_of(TASKS[f"ml-1m/{seed}"](folder), Path(scratch) / f"{seed}.npz") for seed in seeds]
        fits = {"cofactor": ("ours.py", ours), "plain PyTorch": ("torch_neumf.py", A)}
        print_fits(fits, files, 1)


def epoch(folder: Path, seeds: list[int], repeat: int) -> None:
    """One epoch of an ensemble on ML-1M."""
    print(f"\n## One epoch of an ensemble\n\nML-1M 90/10, s = {seeds[0]}, {json.dumps(ENSEMBLE)}, Adam, one thread.")
    with tempfile.TemporaryDirectory() as scratch:
        file = rows_of(TASKS[f"ml-1m/{seeds[0]}"](folder), Path(scratch) / "rows.npz")
        for text, widths in LAYERS.items():
            print(f"\nLayers {text}:\n")
            plain = {**ENSEMBLE, "layers": widths, "learning_rate": 0.001, "l2": 0.045}
            fits = {
                "cofactor": ("ours.py", {**ENSEMBLE, "trainer": "ensemble", "layers": text}),
                "plain PyTorch, index slices": ("torch_neumf.py", plain),
                "plain PyTorch, DataLoader": ("torch_neumf.py", {**plain, "loader": True}),
            }
            print_fits(fits, [file], repeat)


def print_fits(fits: dict[str, tuple[str, dict]], files: list[Path], repeat: int) -> None:
    made: dict[str, list[dict[str, float]]] = {name: [] for name in fits}
    for file in files:
        for _ in range(repeat):
            for name, (script, options) in fits.items():
                made[name].append(child(script, file, options))
    print("| | CPU s | times ours | test RMSE |\n|---|---|---|---|")
    ours = median(one["cpu"] for one in made["cofactor"])
    for name, each in made.items():
        cpu, rmse = median(one["cpu"] for one in each), mean(one["rmse"] for one in each)
        print(f"| {name} | {cpu:.2f} | {cpu / ours:.2f} | {rmse:.4f} |", flush=True)


def child(script: str, file: Path, options: dict) -> dict[str, float]:
    """Fits in a process of its own; returns what the script prints."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, PEERS / script, file, json.dumps(options), "1"]
    done = subprocess.run(command, env={**os.environ, **one}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows_of(task: Task, path: Path) -> Path:
    return write_rows(path, task.train, task.test)


@dataclass(frozen=True)
class Trained:
    """The number of epochs chosen on held-out ratings, and the models before and after training on all ratings."""

    inner: Model
    outer: Model
    epochs: int
    reached: float | None  # CPU seconds until REACHED on the held-out ratings
    held_out: float
    seconds: float


def trained(name: str, task: Task, seed: int, starts: tuple[Start, Start] = (None, None)) -> Trained:
    """`starts`: models to start from, for training on nine tenths of the training part and on all of it."""
    trainer, inner = TRAINERS[name].of(seed=seed), task.inner()
    began, reached, best = time.process_time(), None, None
    for one in early_stopping(trainer.epochs(inner.train, warm_start=starts[0]), inner.test, PATIENCE):
        assert one.rmse is not None
        if reached is None and one.rmse <= REACHED:
            reached = time.process_time() - began
        best = one if one.best or best is None else best
    assert best is not None
    began = time.process_time()
    *_, last = islice(trainer.epochs(task.train, warm_start=starts[1]), best.epoch.number)
    return Trained(best.model, last.model, last.number, reached, best.rmse or 0, time.process_time() - began)


def branches(task: Task, seed: int) -> dict[str, Trained]:
    return {name: trained(name, task, seed) for name in ("latent-factor", "deep")}


def from_branches(of: dict[str, Trained], inner: Ratings, outer: Ratings) -> tuple[Start, Start]:
    """Starting values of an ensemble from branches, without a check of the splits that these were trained on."""
    pairs = {"factors": of["latent-factor"], "deep": of["deep"]}
    return (
        {name: on(one.inner, inner) for name, one in pairs.items()},
        {name: on(one.outer, outer) for name, one in pairs.items()},
    )


def on(model: Model, ratings: Ratings) -> Model:
    """The model with the fingerprint of another split, which bypasses the trainer's check for leaked ratings."""
    return replace(model, training_data=replace(model.training_data, split=ratings.split))


def accuracy(folder: Path, seeds: list[int], repeat: int) -> None:
    """Accuracy of every trainer with its default hyperparameters."""
    for data, tasks in {
        "ML-1M 90/10": {seed: f"ml-1m/{seed}" for seed in seeds},
        "ML-100K u1": dict.fromkeys(seeds, "ml-100k/u1"),
    }.items():
        print(f"\n## Accuracy: {data}\n\nDefaults; the seed of training is {', '.join(map(str, seeds))}.\n")
        print("| trainer | test RMSE | spread | MAE | epochs | CPU s of the last fit |\n|---|---|---|---|---|---|")
        found: dict[str, list[tuple[float, float, int, float]]] = {}
        for seed, protocol in tasks.items():
            task = TASKS[protocol](folder)
            models = branches(task, seed)
            starts = from_branches(models, task.inner().train, task.train)
            models["ensemble"] = trained("ensemble", task, seed)
            models["ensemble, with transfer"] = trained("ensemble", task, seed, starts)
            for name, one in models.items():
                figures = task.figures(one.outer)
                found.setdefault(name, []).append((figures["rmse"], figures["mae"], one.epochs, one.seconds))
        for name, each in found.items():
            rmse, mae, epochs, seconds = zip(*each, strict=True)
            spread = stdev(rmse) if len(rmse) > 1 else 0
            cells = f"{mean(rmse):.4f} | ± {spread:.4f} | {mean(mae):.4f} | {', '.join(map(str, epochs))}"
            print(f"| {name} | {cells} | {median(seconds):.1f} |", flush=True)


def transfer(folder: Path, seeds: list[int], repeat: int) -> None:
    """Ensembles trained from scratch, from branches of the same split, and from branches that used the test ratings."""
    print("\n## Transfer, and the leakage from branches of another split\n")
    print(f"ML-1M 90/10, s = {seeds[0]}; a tenth of train is held out. The leak starts from branches of split s + 1.\n")
    print(f"| ensemble | CPU s to {REACHED:.3f} held out | held-out RMSE | test RMSE | epochs |\n|---|---|---|---|---|")
    task, other = (TASKS[f"ml-1m/{(seeds[0] + more) % 3}"](folder) for more in (0, 1))
    inner = task.inner().train
    starts = {
        "from scratch": (None, None),
        "from branches of the same split": from_branches(branches(task, 0), inner, task.train),
        "from branches of another split": from_branches(branches(other, 0), inner, task.train),
    }
    for name, start in starts.items():
        one = trained("ensemble", task, 0, start)
        reached = "never" if one.reached is None else f"{one.reached:.1f}"
        rmse = task.figures(one.outer)["rmse"]
        print(f"| {name} | {reached} | {one.held_out:.4f} | {rmse:.4f} | {one.epochs} |", flush=True)


if __name__ == "__main__":
    main()
