"""The machine that cofactor runs on: its cores, its free memory, and the versions of what is installed."""

import math
import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cofactor.errors import Unavailable


def describe_machine() -> str:
    """As "2 cores, Linux x86_64"."""
    n = cores()
    return f"{n} core{'s' if n > 1 else ''}, {platform.system()} {platform.machine()}"


def versions() -> dict[str, str]:
    """Of cofactor, of Python and of what the figures depend on."""
    found = package_versions()
    with suppress(PackageNotFoundError):  # only some trainers need it
        found["torch"] = version("torch")
    return {"cofactor": found.pop("cofactor"), **found}


def package_versions() -> dict[str, str]:
    """The versions of what a model is made with."""
    found = {"python": platform.python_version()}
    for name in ("cofactor", "numpy", "scipy", "numba"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of CPU time in a period, and the period


def cores() -> int:
    """The cores this process may use: those of its affinity mask, at most the quota of its container."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = CPU_LIMIT.read_text().partition(" ") if CPU_LIMIT.exists() else ("max", "", "")
    if quota.isdigit() and period.strip().isdigit():
        usable = min(usable, math.ceil(int(quota) / int(period)))
    return max(1, usable)


LIMITS = {Path("/sys/fs/cgroup/memory.max"): Path("/sys/fs/cgroup/memory.current")}  # of a container


def available_memory() -> int:
    """Bytes that this process may still take without swapping, as the system says; what it does not say is no limit."""
    rooms = [_system_memory()]
    for most, used in LIMITS.items():
        if most.exists() and used.exists() and most.read_text().strip().isdigit():
            rooms.append(int(most.read_text()) - int(used.read_text()))
    return max(0, min(rooms))


def check_memory(purpose: str, needed: int, hint: str) -> None:
    """Raises Unavailable where `what` needs more bytes than there are."""
    here = available_memory()
    if needed > here:
        raise Unavailable(f"{purpose} needs {needed / 2**30:.1f} GiB of memory, {here / 2**30:.1f} are available", hint)


def _system_memory() -> int:
    said = Path("/proc/meminfo")
    if said.exists():
        for line in said.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_AVPHYS_PAGES" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1 << 62
