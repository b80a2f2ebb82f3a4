"""Reading a request's body: JSON only, of bounded size, in bounded time, and of boundedly many at once."""

import asyncio

from cofactor.serving.http.exchange import JSON, Call
from cofactor.serving.http.problems import Problem, later

LARGEST = 1 << 18  # bytes
SLOWEST = 10.0  # seconds that a body may take to come in
MOST = 256  # bodies that are coming in at once: 64 MiB where each is as large as it may be

CLOSE = (b"connection", b"close")


class Gone(Exception):
    """Whoever asked has hung up."""


class Bodies:
    """The bodies that are coming in."""

    def __init__(self, slowest: float = SLOWEST, most: int = MOST) -> None:
        self._slowest = slowest
        self._most = most
        self._coming = 0

    async def read(self, call: Call) -> bytes:
        """The whole body. Raises Problem: 408, 413, 415 or 503; and Gone."""
        _check(call.headers)
        if self._coming >= self._most:
            raise later("too many requests are being read", "ask again in a moment", 1, "Busy")
        self._coming += 1
        try:
            async with asyncio.timeout(self._slowest):
                return await _pieces(call)
        except TimeoutError:
            detail = f"the body did not come in within {self._slowest:g} seconds"
            raise Problem(408, detail, "send it faster, or in smaller requests", headers=[CLOSE]) from None
        finally:
            self._coming -= 1


def _check(headers: dict[bytes, bytes]) -> None:
    media_type, _, parameters = headers.get(b"content-type", b"").partition(b";")
    charset = parameters.strip().lower().removeprefix(b"charset=").strip(b'"')
    if media_type.strip().lower() != JSON or charset not in (b"", b"utf-8"):
        raise Problem(415, "the body is not application/json in UTF-8", "send Content-Type: application/json")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Problem(415, "the body is compressed", "send it as it is, without Content-Encoding")
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > LARGEST):
        raise _too_large()


async def _pieces(call: Call) -> bytes:
    body = bytearray()
    while True:
        message = await call.receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > LARGEST:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _too_large() -> Problem:
    return Problem(413, f"the body is larger than {LARGEST:,} bytes", "ask for less at a time, in several requests")
