"""The folder in which the processes of a service find each other."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cofactor.serving.processes.run_folder import RunFolder
from cofactor.serving.server_config import ServerConfig

VERSIONS = {f"model-{number}": "0123456789ab" for number in range(50)}


@pytest.fixture
def run() -> Iterator[RunFolder]:
    with RunFolder.create(ServerConfig(models=()), 8000) as folder:
        yield folder


def test_a_state_is_whole_whichever_thread_writes_it(run: RunFolder) -> None:
    """The event loop of a worker and its follower of folders write the state of the worker at the same time."""
    run.write_state(0, VERSIONS)

    def write(thread: int) -> None:
        for number in range(60):
            run.write_state(number, VERSIONS)

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, thread) for thread in range(3)]
        while not all(one.done() for one in writers):
            (state,) = run.states()
            assert (state.process, state.versions) == (os.getpid(), VERSIONS)
        for one in writers:
            one.result()
