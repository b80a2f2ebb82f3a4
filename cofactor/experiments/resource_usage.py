"""What a training costs: time, processor and memory; and what a model does: room on the disk, time of a list."""

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
FORGET_THE_PEAK = "5"  # see proc_pid_clear_refs(5)
ASKED, LENGTH = 100, 10  # users whose lists are timed, and how long these are


@dataclass
class ResourceUsage:
    """What was used between the beginning and the end of `metered`."""

    seconds: float = 0.0  # wall
    cpu_seconds: float = 0.0  # of all threads of this process
    peak_bytes: int | None = None  # the most memory in use, on top of that at the beginning


@contextmanager
def measure_resources() -> Iterator[ResourceUsage]:
    """Measures what is done inside, by this process alone.

    On Linux the peak is the highest resident memory since the beginning, whatever the process had used and given back
    before. Elsewhere the system only tells of the highest ever: the peak is by how much that has risen, which is too
    little where more was used before. None on Windows.
    """
    meter = ResourceUsage()
    held = _begin()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield meter
    finally:
        meter.seconds, meter.cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        peak = _highest()
        meter.peak_bytes = None if held is None or peak is None else max(0, peak - held)


def folder_bytes(folder: Path) -> int:
    """The room that the files of a saved model take."""
    return sum(file.stat().st_size for file in folder.iterdir())


def measure_list_seconds(model: Model) -> float | None:
    """Median time of a list of ten for one user alone, with titles and without reasons, over 100 users at equal
    distances; each is asked for twice and the second time counts. None where there are no users."""
    users = model.training_data.users.ids
    taken = []
    for row in range(0, len(users), -(-len(users) // ASKED) or 1):
        model.recommend(users[row], LENGTH)
        began = time.perf_counter()
        model.recommend(users[row], LENGTH)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) if taken else None


def _begin() -> int | None:
    """Gives back what is not needed any more and forgets the peak; the memory that is held then, in bytes."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc: else what was freed would count as held
        if trim is not None:
            trim(0)
        try:
            CLEAR.write_text(FORGET_THE_PEAK)
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
    """A field of /proc/self/status, in bytes."""
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return None
