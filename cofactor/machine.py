"""The machine that cofactor runs on: its cores, its free memory, and the versions of installed packages.

Both counts respect the limits of a container, as control groups state them: version 2 of Linux's interface, or 1.
"""

import math
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cofactor.errors import Unavailable

CONTROL_GROUPS = Path("/sys/fs/cgroup")
MEMORY_STATUS = Path("/proc/meminfo")
CPU_QUOTA = "cpu.max"  # version 2: microseconds of CPU time in a period, and the period
CPU_QUOTA_V1 = ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")
MEMORY_LIMITS = (  # limit and use in bytes, in version 2 and in version 1
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
UNLIMITED = 1 << 62


def describe_machine() -> str:
    """Cores, operating system and architecture, as in "2 cores, Linux x86_64"."""
    n = cores()
    return f"{n} core{'s' if n > 1 else ''}, {platform.system()} {platform.machine()}"


def versions() -> dict[str, str]:
    """The versions of cofactor, of Python and of the packages that results depend on."""
    found = package_versions()
    with suppress(PackageNotFoundError):  # only some trainers need it
        found["torch"] = version("torch")
    return {"cofactor": found.pop("cofactor"), **found}


def package_versions() -> dict[str, str]:
    """The versions that the manifest of a model records."""
    found = {"python": platform.python_version()}
    for name in ("cofactor", "numpy", "scipy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def cores() -> int:
    """The number of cores this process may use: those of its affinity mask, at most the CPU quota of its container.

    A quota of a fraction of a core counts as a whole one.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota()
    return max(1, usable if quota is None else min(usable, math.ceil(quota)))


def available_memory() -> int:
    """Bytes that this process may still allocate without swapping, within the limit of its container."""
    free = [_system_memory()]
    for limit, used in MEMORY_LIMITS:
        most, now = _read_number(limit), _read_number(used)
        if most is not None and now is not None:
            free.append(most - now)
    return max(0, min(free))


def total_memory() -> int:
    """Bytes of memory of the machine, within the limit of its container."""
    limits = [most for limit, _ in MEMORY_LIMITS if (most := _read_number(limit)) is not None]
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_PHYS_PAGES" in names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min(limits, default=UNLIMITED)


def check_memory(purpose: str, needed: int, hint: str) -> None:
    """Raises Unavailable, with `hint`, where `purpose` needs more bytes than are available."""
    available = available_memory()
    if needed > available:
        raise Unavailable(
            f"{purpose} needs {needed / 2**30:.1f} GiB of memory, {available / 2**30:.1f} GiB are available", hint
        )


def _cpu_quota() -> float | None:
    """Cores that the container may keep busy; None where there is no quota."""
    quota, _, period = _read(CPU_QUOTA).partition(" ")
    if not quota:
        quota, period = map(_read, CPU_QUOTA_V1)
    if not (quota.isdigit() and period.isdigit()) or int(period) == 0:  # "max" or -1: no quota
        return None
    return int(quota) / int(period)


def _system_memory() -> int:
    """Bytes that the system says are available; a system that says nothing counts as unlimited."""
    if MEMORY_STATUS.exists():
        for line in MEMORY_STATUS.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_AVPHYS_PAGES" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return UNLIMITED


def _read(name: str) -> str:
    """The content of a file of the control group; empty where there is none."""
    try:
        return (CONTROL_GROUPS / name).read_text().strip()
    except OSError:
        return ""


def _read_number(name: str) -> int | None:
    text = _read(name)
    return int(text) if text.isdigit() else None
