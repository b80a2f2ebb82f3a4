"""HTTP over a plain socket: sends bytes unchanged, and parses responses as strictly as a proxy."""

import re
import socket
import time
from dataclasses import dataclass

QUIET = 0.15  # seconds without a byte after which nothing more is expected of a request that is not whole
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [ -~]*")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)")


class MalformedResponse(Exception):
    """A response that is not valid HTTP."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def parse_responses(data: bytes, heads: int = 0) -> tuple[list[Answer], bytes]:
    """Complete responses in data, and the rest of an incomplete one. The first `heads` responses have no body."""
    found: list[Answer] = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        status, headers = _head(data[:end])
        bare = len(found) < heads or status in (204, 304)
        length = 0 if bare else int(headers["content-length"])
        if len(data) < end + 4 + length:
            break
        found.append(Answer(status, headers, data[end + 4 : end + 4 + length]))
        data = data[end + 4 + length :]
    return found, data


def _head(data: bytes) -> tuple[int, dict[str, str]]:
    first, *rest = data.split(b"\r\n")
    status = STATUS.fullmatch(first)
    if not status:
        raise MalformedResponse(f"a status line {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in rest:
        header = HEADER.fullmatch(line)
        if not header:
            raise MalformedResponse(f"a header {line[:80]!r}")
        name = header[1].decode().lower()
        if name in headers and name in ("content-length", "content-type", "x-model-version"):
            raise MalformedResponse(f"two headers {name}")
        headers[name] = header[2].decode("latin-1")
    if "transfer-encoding" in headers or ("content-length" not in headers and status[1] not in (b"204", b"304")):
        raise MalformedResponse(f"no length in {sorted(headers)}")
    return int(status[1]), headers


class HttpConnection:
    """A connection that stays open for as long as the server allows."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def send_request(self, request: bytes, head: bool = False) -> Answer:
        """Sends a well-formed request, on the open connection if there is one; returns the response."""
        for fresh in (self._socket is None, True):
            try:
                return self._asked(request, head, fresh)
            except ConnectionError:
                if fresh:
                    raise
            except Exception:
                self.close()  # later bytes do not belong to the next request
                raise
        raise AssertionError

    def send_bytes(self, pieces: list[bytes], pause: float = 0.0) -> list[Answer]:
        """Sends any bytes on a new connection; returns the responses until it is closed or silent."""
        data = b""
        with socket.create_connection(("127.0.0.1", self._port), timeout=5) as one:
            try:
                for piece in pieces:
                    one.sendall(piece)
                    time.sleep(pause)
                one.settimeout(QUIET)
                while received := one.recv(1 << 16):
                    data += received
            except (TimeoutError, ConnectionError):
                pass
        answers, left = parse_responses(data)
        if left:
            raise MalformedResponse(f"incomplete response: {left[:80]!r}")
        return answers

    def _asked(self, request: bytes, head: bool, fresh: bool) -> Answer:
        if fresh or self._socket is None:
            self.close()
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        self._socket.sendall(request)
        data = b""
        while True:
            received = self._socket.recv(1 << 16)
            if not received:
                raise ConnectionResetError("closed before a response")
            data += received
            answers, left = parse_responses(data, int(head))
            if answers:
                last = answers[0].headers.get("connection") == "close"
                # A server cannot tell that a malformed request was a HEAD request, so its response may have a body.
                if (left or len(answers) > 1) and not (head and last and answers[0].status in (400, 431)):
                    raise MalformedResponse(
                        f"more than one response: {[one.status for one in answers]}, {data[-200:]!r}"
                    )
                if last:
                    self.close()
                return answers[0]

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None
