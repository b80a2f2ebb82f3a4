"""How much memory a training may use."""

import os
from pathlib import Path

from cofactor.errors import Unavailable

LIMITS = {Path("/sys/fs/cgroup/memory.max"): Path("/sys/fs/cgroup/memory.current")}  # of a container


def available() -> int:
    """Bytes that this process may still take without swapping, as the system says; what it does not say is no limit."""
    rooms = [_of_machine()]
    for most, used in LIMITS.items():
        if most.exists() and used.exists() and most.read_text().strip().isdigit():
            rooms.append(int(most.read_text()) - int(used.read_text()))
    return max(0, min(rooms))


def check_room(what: str, needed: int, hint: str) -> None:
    """Raises Unavailable where `what` needs more bytes than there are."""
    here = available()
    if needed > here:
        raise Unavailable(f"{what} needs {needed / 2**30:.1f} GiB of memory, {here / 2**30:.1f} are available", hint)


def _of_machine() -> int:
    said = Path("/proc/meminfo")
    if said.exists():
        for line in said.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_AVPHYS_PAGES" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1 << 62
