"""Limits that both HTTP servers keep."""

import resource
from contextlib import suppress

APPLICATION = "cofactor.serving.processes.worker:create"
BACKLOG = 2048  # connections that wait to be accepted
MAX_CONNECTIONS, MIN_CONNECTIONS = 8192, 64  # of each worker; fewer where it may not open as many files
OTHER_FILES = 256  # that a worker opens: models, the store, metrics
MAX_HEAD = 1 << 15  # bytes of the request line and all headers
IDLE = 15  # seconds until the headers of a request are complete, and between two requests of a connection
ACCEPTED_WITHIN = 0.3  # seconds in which connections that are established when the service stops are taken up


def raise_open_files() -> int:
    """Raises the number of files that this process and its children may open, as far as needed and allowed; returns it.

    Shells often set 1,024, which a single client could use up.
    """
    wanted = MAX_CONNECTIONS + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < reachable:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else soft


def max_connections(open_files: int) -> int:
    """Connections of a worker that leave it enough files for everything else."""
    return max(MIN_CONNECTIONS, min(MAX_CONNECTIONS, open_files - OTHER_FILES))
