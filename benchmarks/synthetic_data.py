"""Wall and CPU seconds and peak memory of making ratings, and of splitting, saving and loading them.

    python benchmarks/synthetic_data.py --users 1e6 --items 1000 --per-user 30

Each step runs in a process of its own. A small run before it compiles the kernels; processes after it find them cached.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

STEPS = ("generate to Parquet", "split at random", "split by time", "split last", "save the split", "load the split")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=float, default=1e6)
    parser.add_argument("--items", type=float, default=1000)
    parser.add_argument("--per-user", type=float, default=30)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    size = int(given.users), int(given.items), int(given.per_user)
    if given.step:
        print(json.dumps(measured(given.step, size, given.folder)))
        return
    print(
        f"{size[0]:,} users × {size[1]:,} items × {size[2]} = {size[0] * size[2]:,} ratings, {os.cpu_count()} cores\n"
    )
    print("| step | wall s | CPU s | peak MB | |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            arguments = [f"--users={given.users}", f"--items={given.items}", f"--per-user={given.per_user}"]
            command = [sys.executable, __file__, *arguments, f"--step={step}", f"--folder={folder}"]
            one = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"| {step} | {one['wall']:.1f} | {one['cpu']:.1f} | {one['peak']:.0f} | {one['says']} |", flush=True)


def measured(step: str, size: tuple[int, int, int], folder: Path) -> dict[str, Any]:
    """Runs one step; earlier steps that it needs are run first and not timed."""
    ready = prepared(step, size, folder)
    wall, cpu = time.perf_counter(), time.process_time()
    says = ready()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {"wall": wall, "cpu": cpu, "peak": peak, "says": says}


def prepared(step: str, size: tuple[int, int, int], folder: Path) -> Callable[[], str]:
    from cofactor.data.splitting.split import load_split, split
    from cofactor.data.synthetic.generate import generate, generate_parquet

    generate(100, 10, 2)  # compiles
    if step == "generate to Parquet":
        return lambda: f"best possible RMSE {generate_parquet(folder / 'ratings.parquet', *size).best_rmse:.4f}"
    if step == "load the split":
        return lambda: repr(load_split(folder / "split"))
    ratings = generate(*size)
    if step == "save the split":
        return partial(saved, split(ratings), folder / "split")
    kind: Any = {"split at random": "random", "split by time": "time", "split last": "last"}[step]
    return lambda: repr(split(ratings, kind))


def saved(made: Any, path: Path) -> str:
    from cofactor.data.splitting.split import save_split

    save_split(made, path)
    return f"{sum(file.stat().st_size for file in path.iterdir()) / 1e6:.0f} MB on disk"


if __name__ == "__main__":
    main()
