"""Throughput of the SGD kernel during an epoch on one thread, compared with the limits of the machine.

    OPENBLAS_NUM_THREADS=1 python benchmarks/sgd_kernel.py ml-1m/ratings_no_timestamps.csv

One update takes 10 · rank floating-point operations (2 for the dot product, 8 for both vectors) and reads and writes
16 · rank bytes. The limits are those of a matrix product, and of a copy of arrays that fit in no cache.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from cofactor.data.reading.read import read
from cofactor.trainers.svd import SVD

EPOCHS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", help="A file or folder of ratings.")
    ratings = read(parser.parse_args().ratings)
    print("| rank | million updates/s: median | best | GFLOP/s, best | GB/s, best |\n|---|---|---|---|---|")
    for rank in (16, 32, 64, 128):
        trainer = SVD(rank=rank, threads=1)
        with ExitStack() as resources:
            state = trainer.training_state().init(trainer, ratings, resources)
            seconds = [timed(lambda state=state: state.learn(np.float32(0.01))) for _ in range(EPOCHS)]
        median, best = (len(ratings) / s / 1e6 for s in (float(np.median(seconds)), min(seconds)))
        print(f"| {rank} | {median:.0f} | {best:.0f} | {best * 10 * rank / 1e3:.0f} | {best * 16 * rank / 1e3:.0f} |")
    a, b = np.random.default_rng(0).random((2, 2048, 2048), dtype=np.float32)
    product = min(timed(lambda: a @ b) for _ in range(5))
    big, copy = np.ones(50_000_000, dtype=np.float32), np.ones(50_000_000, dtype=np.float32)
    copied = min(timed(lambda: np.copyto(copy, big)) for _ in range(5))
    print(
        f"\nmatrix product: {2 * 2048**3 / product / 1e9:.0f} GFLOP/s; copy: {2 * big.nbytes / copied / 1e9:.0f} GB/s"
    )


def timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
