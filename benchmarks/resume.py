"""Kill training runs at ten random moments, resume them, and compare with uninterrupted runs; cost of a checkpoint.

    python benchmarks/resume.py --data FOLDER [--on ml-100k ml-1m] [--trainers svd bayes …] [--kills 10]

Every run is a process of `cofactor train … --checkpoint … --resume`. It gets SIGKILL at a random time after its first
checkpoint, at most a fifth of the training later. Results are compared by the digests of their arrays; if kills are
left when a run ends, another run starts. Seconds are wall seconds of this process: of an epoch with its validation,
and of writing its checkpoint.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from cofactor.data.reading.read import read
from cofactor.data.splitting.split import Split, save_split, split
from cofactor.saved.model_folder import load_manifest
from cofactor.trainers import TRAINERS
from cofactor.training.checkpoint import NAME
from cofactor.training.early_stopping import early_stopping
from cofactor.training.resume import FolderCheckpointer, describe_training
from cofactor.training.tracking.epoch_row import EpochRow

COMMAND = [sys.executable, "-c", "from cofactor.cli import main; main()", "train"]
ITERATIVE = [name for name, trainer in TRAINERS.items() if hasattr(trainer, "n_epochs")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder with ml-100k and ml-1m.")
    parser.add_argument("--on", nargs="+", default=["ml-100k", "ml-1m"])
    parser.add_argument("--trainers", nargs="+", default=ITERATIVE, choices=ITERATIVE)
    parser.add_argument("--kills", type=int, default=10)
    given = parser.parse_args()
    print(
        "| data | trainer | epochs | s an epoch | s its checkpoint | at most | MB kept | killed after epoch | arrays |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for data in given.on:
        parts = split(read(given.data / data))
        for name in given.trainers:
            with tempfile.TemporaryDirectory() as scratch:
                costs, seconds = cost(name, parts, Path(scratch))
                save_split(parts, Path(scratch) / "parts")
                kills = killed(name, Path(scratch), given.kills, seconds / 5)
                print(f"| {data} | {name} | {costs} | {kills} |", flush=True)


def cost(name: str, parts: Split, scratch: Path) -> tuple[str, float]:
    """Default number of epochs, seconds of each and of its checkpoint, size of the checkpoint, and total seconds."""
    trainer, folder = TRAINERS[name](), scratch / "cost"
    training = describe_training(trainer, [parts.train, parts.validation], patience=99)
    checkpointer = FolderCheckpointer(trainer, parts.train, folder, training, resume=False)
    learning, writing, rows = [], [], []
    before = time.perf_counter()
    for one in early_stopping(checkpointer.epochs(), parts.validation, 99):
        trained = time.perf_counter()
        rows.append(EpochRow.of(one, trained - before))
        checkpointer.save(one, rows)
        learning.append(trained - before)
        writing.append(time.perf_counter() - trained)
        before = time.perf_counter()
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    told = f"{len(rows)} | {median(learning):.3f} | {median(writing):.3f} | {max(writing):.3f} | {size:.0f}"
    return told, sum(learning) + sum(writing)


def killed(name: str, scratch: Path, kills: int, longest: float) -> str:
    """Epochs after which the process was killed, and whether all final models are identical."""
    chance = random.Random(0)
    assert run(name, scratch, "whole").wait() == 0
    whole = load_manifest(scratch / "whole")
    after, same, ended = [], True, 0
    while True:
        before, process = done(scratch / "kept"), run(name, scratch, "broken", "--checkpoint", "kept", "--resume")
        try:
            while process.poll() is None and done(scratch / "kept") == before:
                time.sleep(0.001)
            code = process.wait(chance.random() * longest if len(after) < kills else None)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            after.append(done(scratch / "kept"))
            continue
        broken = load_manifest(scratch / "broken")
        same &= code == 0 and broken["arrays"] == whole["arrays"] and broken["metrics"] == whole["metrics"]
        ended += 1
        if len(after) == kills:
            break
        for path in (scratch / "kept").iterdir():  # it ended before it could be killed: another begins
            path.unlink()
    return f"{', '.join(map(str, after))} | {'identical' if same else 'DIFFERENT'}, {ended} of {ended}"


def run(name: str, scratch: Path, out: str, *more: str) -> subprocess.Popen:
    command = [*COMMAND, name, "parts", "-q", "-o", out, "--patience", "99", *more]
    return subprocess.Popen(command, cwd=scratch, stdout=subprocess.DEVNULL)


def done(folder: Path) -> int:
    """The epoch of a checkpoint."""
    file = folder / NAME
    return len(json.loads(file.read_bytes())["epochs"]) if file.exists() else 0


if __name__ == "__main__":
    main()
