"""Work on users, dealt out to threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np


def run_in_threads(work: Callable[[int, int], object], n: int) -> None:
    """Call work(first, last) on as many ranges of 0 … n in parallel as Numba has threads."""
    import numba

    edges = np.linspace(0, n, numba.get_num_threads() + 1).astype(int).tolist()
    with ThreadPoolExecutor(len(edges) - 1) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))
