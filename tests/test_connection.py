"""What arrives on a socket before it is a request: bounded in size and time, and refused in words."""

import asyncio
import json
import socket
import threading
from pathlib import Path

import pytest
from cofactor.serving.http import connection as module
from cofactor.serving.http.connection import OnePiece
from cofactor.serving.processes.turnstile import AWAY, Turnstile

from cofactor.serving.api.application import create_app
from cofactor.serving.processes.server import Server
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry.metrics import Metrics
from tests.small_service import service

LONGEST = module.LARGEST_HEAD


@pytest.fixture(scope="module")
def address():
    """A server in a thread of this process."""
    running, settings = service(), ServerConfig(models=(("m", Path()),), hosts=("*",))
    metrics = Metrics(running)
    server = Server(running, create_app(running, settings, [metrics]), settings, metrics)
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    yield address
    server.stop()
    thread.join(20)
    assert not thread.is_alive()


def sent(address, *pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what comes back before the connection ends."""
    with socket.create_connection(address, timeout=20) as client:
        for piece in pieces:
            try:
                client.sendall(piece)
            except OSError:
                break
        whole = b""
        try:
            while more := client.recv(1 << 16):
                whole += more
        except ConnectionResetError:
            pass
    head, _, body = whole.partition(b"\r\n\r\n")
    status, *headers = head.decode().split("\r\n")
    named = dict(one.split(": ", 1) for one in headers)
    return int(status.split()[1]), named, body


def get(path: bytes = b"/live", *headers: bytes) -> bytes:
    return b"\r\n".join((b"GET " + path + b" HTTP/1.1", b"host: x", b"connection: close", *headers, b"", b""))


def is_problem(status, headers, body, expected):
    assert status == expected
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert len(body) == int(headers["content-length"])
    problem = json.loads(body)
    assert (problem["status"], problem["model"]) == (expected, headers["x-model-version"])
    assert problem["hint"]


@pytest.mark.parametrize(
    "piece",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9.9\r\n\r\n", b"\r\n\r\nnonsense\r\n\r\n", b"GET\r\n\r\n"],
)
def test_what_is_not_http_is_refused_in_words(address, piece):
    is_problem(*sent(address, piece), 400)


def test_a_head_is_bounded_in_one_piece_and_in_many(address):
    assert sent(address, get(b"/live", b"x-a: " + b"a" * (LONGEST - 200)))[0] == 200
    is_problem(*sent(address, get(b"/live", b"x-a: " + b"a" * LONGEST)), 431)
    is_problem(*sent(address, get(b"/" + b"a" * LONGEST)), 431)
    endless = (b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(1000))
    is_problem(*sent(address, b"GET /live HTTP/1.1\r\n", *endless), 431)


def test_requests_one_after_the_other_and_at_once_are_answered_in_order(address):
    status, _, rest = sent(address, get().replace(b"connection: close\r\n", b"") + get(b"/nothing"))
    assert status == 200
    assert b"HTTP/1.1 404" in rest
    assert sent(address, get(b"/live", b"upgrade: websocket").replace(b"close", b"upgrade, close"))[0] == 200


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(address):
    body = b'{"ratings": []}'
    about = b"expect: 100-continue", b"content-type: application/json", b"content-length: %d" % len(body)
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(get(b"/recommendations", *about).replace(b"GET", b"POST"))
        assert client.recv(1 << 16) == module.CONTINUE
        client.sendall(body)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_a_head_without_a_body_is_sent(address):
    status, headers, body = sent(address, get().replace(b"GET", b"HEAD"))
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


def test_slow_clients_are_told_so(address, monkeypatch):
    monkeypatch.setattr(module, "HEAD_WITHIN", 0.5)
    monkeypatch.setattr(module, "REQUEST_WITHIN", 0.5)
    is_problem(*sent(address, b"GET /live HT"), 408)
    is_problem(*sent(address), 408)
    body = b"POST /recommendations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
    is_problem(*sent(address, body), 408)
    waiting = socket.create_connection(address, timeout=10)
    waiting.sendall(get().replace(b"connection: close\r\n", b""))
    assert waiting.recv(1 << 16).startswith(b"HTTP/1.1 200")
    waiting.settimeout(1.7)
    with pytest.raises(TimeoutError):  # it rests between two requests, and may
        waiting.recv(1)
    waiting.close()


def test_who_has_more_connections_leaves_the_next_to_others_but_not_for_ever():
    admitted: list[socket.socket] = []

    async def accepting(counts: list[int]) -> float:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        here = counts[0]
        turnstile = Turnstile(listening, admitted.append, lambda: here + len(admitted), counts, 0)
        loop = asyncio.get_running_loop()
        start, client = loop.time(), socket.create_connection(listening.getsockname())
        before = len(admitted)
        while len(admitted) == before:
            await asyncio.sleep(0.0005)
        seconds = loop.time() - start
        late = socket.create_connection(listening.getsockname())
        turnstile.close()
        turnstile.close()
        assert len(admitted) == before + 2  # who waits at the end is let in
        assert counts[0] == AWAY
        for one in (*admitted, client, late):
            one.close()
        admitted.clear()
        return seconds

    alone = asyncio.run(accepting([5, AWAY]))
    others_have_fewer = asyncio.run(accepting([5, 2]))
    assert alone < 0.009 < others_have_fewer < 1


@pytest.mark.parametrize("gone", [False, True])
def test_an_answer_to_somebody_who_is_gone_goes_nowhere(gone):
    class Transport:
        sent = b""

        def is_closing(self):
            return gone

        def write(self, data):
            if gone:
                raise RuntimeError("the handler is closed")
            self.sent += data

        def close(self):
            self.closed = True

    beneath = Transport()
    whole = OnePiece(beneath)
    whole.write(b"head ")
    whole.write(b"body")
    whole.write(b"head")
    whole.close()
    assert beneath.closed
    assert beneath.sent == (b"" if gone else b"head bodyhead")
