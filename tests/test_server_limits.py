"""Limits of both HTTP servers: connections and files, and the time that a client of uvicorn takes for a request."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn

from cofactor.serving.processes.limits import (
    MAX_CONNECTIONS,
    MIN_CONNECTIONS,
    OTHER_FILES,
    max_connections,
    raise_open_files,
)
from cofactor.serving.processes.uvicorn_protocol import LimitedProtocol

SECONDS = 0.4
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"


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


class Protocol(LimitedProtocol):
    head_seconds = SECONDS

    def most(self) -> int:
        return 2


async def application(scope, receive, send):
    """Answers when the body is complete."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def client() -> Iterator[socket.socket]:
    """A connection to a server with the limit."""
    config = uvicorn.Config(application, http=Protocol, lifespan="off", log_config=None)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            with socket.create_connection(listening.getsockname(), timeout=5) as connected:
                yield connected
        finally:
            server.should_exit = True
            thread.join(10)


def is_closed_in_time(client: socket.socket) -> bool:
    start = time.monotonic()
    try:
        ended = client.recv(1) == b""
    except ConnectionResetError:
        ended = True
    return ended and time.monotonic() - start < 4 * SECONDS


def test_a_client_that_sends_nothing_is_not_waited_for(client):
    assert is_closed_in_time(client)


def test_a_byte_now_and_then_does_not_prolong_the_wait(client):
    start = time.monotonic()
    with suppress(OSError):  # once it is closed
        for byte in GET[:-1]:
            client.sendall(bytes([byte]))
            time.sleep(SECONDS / 4)
    assert time.monotonic() - start < 4 * SECONDS


def test_requests_in_time_are_answered_and_the_wait_begins_anew_after_each(client):
    for _ in range(4):
        time.sleep(SECONDS / 2)
        client.sendall(GET)
        assert client.recv(1000).endswith(b"ok")
    client.sendall(GET[:10])
    assert is_closed_in_time(client)


def test_a_body_may_take_longer_than_a_head(client):
    client.sendall(POST)
    for byte in b"body":
        time.sleep(SECONDS / 2)
        client.sendall(bytes([byte]))
    assert client.recv(1000).endswith(b"ok")


def test_a_connection_that_is_too_many_is_closed_and_the_others_stay(client):
    address = client.getpeername()
    with socket.create_connection(address, timeout=5) as second, socket.create_connection(address, timeout=5) as third:
        assert is_closed_in_time(third)
        for one in (client, second):
            one.sendall(GET)
            assert one.recv(1000).endswith(b"ok")
