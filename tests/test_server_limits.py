"""Limits of both HTTP servers: connections and open files."""

import resource

import pytest

from cofactor.serving.processes.limits import (
    MAX_CONNECTIONS,
    MIN_CONNECTIONS,
    OTHER_FILES,
    max_connections,
    raise_open_files,
)


@pytest.mark.parametrize(
    ("files", "connections"),
    [(64, MIN_CONNECTIONS), (1024, 1024 - OTHER_FILES), (1 << 20, MAX_CONNECTIONS)],
)
def test_connections_leave_files_for_everything_else(files, connections):
    assert max_connections(files) == connections


def test_the_number_of_open_files_is_raised_as_far_as_needed():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        raised = raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (raised, hard)
        assert raised == (MAX_CONNECTIONS + OTHER_FILES if hard < 0 else min(MAX_CONNECTIONS + OTHER_FILES, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < 0 or soft > raised:
        raise_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == soft, "never lowered"
