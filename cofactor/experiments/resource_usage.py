"""Measures the costs of a training (time, processor, memory) and of a model (disk space, seconds for a top-N list)."""

import ctypes
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofactor.models.base import Model

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # see proc_pid_clear_refs(5)
N_TIMED_USERS, LIST_LENGTH = 100, 10


@dataclass
class ResourceUsage:
    """What was used between the beginning and the end of `measure_resources`."""

    seconds: float = 0.0  # wall
    cpu_seconds: float = 0.0  # of all threads of the process
    peak_bytes: int | None = None  # the highest memory in use, minus that at the beginning


@contextmanager
def measure_resources() -> Iterator[ResourceUsage]:
    """Measures what this process uses inside the `with` block.

    On Linux the peak is the highest resident memory since the beginning. Elsewhere the system only reports the highest
    memory since the process started: the peak is its increase, which is too low where more memory was used before. None
    on Windows.
    """
    usage = ResourceUsage()
    in_use = _begin()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield usage
    finally:
        usage.seconds, usage.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        peak = _highest()
        usage.peak_bytes = None if in_use is None or peak is None else max(0, peak - in_use)


def folder_bytes(folder: Path) -> int:
    """The size of the files of a saved model."""
    return sum(file.stat().st_size for file in folder.iterdir())


def measure_list_seconds(model: Model) -> float | None:
    """Median seconds of a top-10 list for one user, with titles and without explanations, over 100 users at equal
    distances; each list is made twice and the second one counts. None where there are no users."""
    users = model.training_data.users.ids
    seconds = []
    for row in range(0, len(users), -(-len(users) // N_TIMED_USERS) or 1):
        model.recommend(users[row], LIST_LENGTH)
        began = time.perf_counter()
        model.recommend(users[row], LIST_LENGTH)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)) if seconds else None


def _begin() -> int | None:
    """Frees unused memory and resets the peak; returns the memory in use, in bytes."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc: otherwise freed memory would count as in use
        if trim is not None:
            trim(0)
        try:
            CLEAR.write_text(RESET_PEAK)
        except OSError:  # a sandbox may refuse it
            return _highest()
        return _status("VmRSS")
    return _highest()


def _highest() -> int | None:
    if STATUS.exists():
        return _status("VmHWM")
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(field: str) -> int | None:
    """A field of /proc/self/status, in bytes; None where it is missing."""
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return None
