"""Connections of a server process: counted, and ended where a client does not read."""

import errno
import socket
import time
from contextlib import ExitStack

import pytest

from cofactor.serving.processes.connections import OpenConnections

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the limit is Linux' own")


@pytest.fixture
def pair():
    """Both ends of a connection: the server's and the client's."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listening.getsockname())
        server = stack.enter_context(listening.accept()[0])
        yield server, client


def test_connections_to_the_port_are_counted_and_no_other_sockets(pair):
    server, _ = pair
    port = server.getsockname()[1]
    one, other = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)), one, other:
        connections = OpenConnections(port)
        for _ in range(2):
            connections.update()
            assert connections.count == 1
    server.close()
    connections.update()
    assert connections.count == 0


def test_a_connection_whose_client_does_not_read_ends(pair):
    server, _ = pair
    OpenConnections(server.getsockname()[1], unread=1.0).update()
    server.settimeout(20)
    with pytest.raises(OSError, match="timed out") as raised:
        server.sendall(bytes(100_000_000))
    assert not isinstance(raised.value, socket.timeout) or raised.value.errno == errno.ETIMEDOUT


def test_a_connection_whose_client_reads_stays(pair):
    server, client = pair
    OpenConnections(server.getsockname()[1], unread=0.5).update()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        server.sendall(b"x")
        assert client.recv(1) == b"x"
        time.sleep(0.1)


def test_connections_that_are_established_are_accepted_while_new_ones_get_no_answer():
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as other:
        address = listening.getsockname()
        connections = OpenConnections(address[1])
        with socket.create_connection(address) as early, socket.socket() as late:
            early.sendall(b"request")
            connections.ignore_new()
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.connect(address)
            with listening.accept()[0] as server:
                assert server.recv(7) == b"request"
                server.sendall(b"response")
                assert early.recv(8) == b"response"
        connections.refuse_new()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        socket.create_connection(other.getsockname(), timeout=5).close()
