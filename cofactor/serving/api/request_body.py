"""Reading the body of a request: of bounded size, in bounded time, and of boundedly many requests at once."""

import asyncio
import json
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from cofactor.serving.api.problems import HttpProblem, from_validation, invalid, retry_later

MAX_BYTES = 1 << 18
MAX_SECONDS = 10.0  # until the body is complete
MAX_BODIES = 256  # that are being received: 64 MiB if all have the maximum size
CLOSE = [("connection", "close")]
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class BodyReader:
    """Receives bodies, and counts those that are incomplete."""

    def __init__(self, max_seconds: float = MAX_SECONDS, max_bodies: int = MAX_BODIES) -> None:
        self._max_seconds, self._max_bodies = max_seconds, max_bodies
        self._receiving = 0

    async def read(self, request: Request, media_type: str) -> bytes:
        """The complete body; raises HttpProblem (408, 413, 415 or 503) or ClientDisconnect."""
        _check_headers(request, media_type)
        if self._receiving >= self._max_bodies:
            raise retry_later("too many requests are being received", "ask again in a moment", 1, "Busy")
        self._receiving += 1
        try:
            async with asyncio.timeout(self._max_seconds):
                return await _receive(request)
        except TimeoutError:
            detail = f"the body was not complete after {self._max_seconds:g} seconds"
            raise HttpProblem(408, detail, "send it faster, or in smaller requests", headers=CLOSE) from None
        finally:
            self._receiving -= 1


def parse_json(raw: bytes, body: type[BaseModel]) -> BaseModel:
    """A request from JSON; raises HttpProblem (400 or 422), also for an object that has a key twice."""
    try:
        parsed = body.model_validate_json(raw)  # bounds the depth and the length of numbers
    except ValidationError as error:
        raise from_validation(error, "body", list(body.model_fields)) from None
    json.loads(raw, object_pairs_hook=_check_keys)
    return parsed


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise invalid(f"body: the key {twice!r} is there twice in one object")


def _check_headers(request: Request, media_type: str) -> None:
    sent, _, parameters = ",".join(request.headers.getlist("content-type")).partition(
        ";"
    )  # one that is sent twice fails
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if sent.strip().lower() != media_type or charset not in ("", "utf-8"):
        raise HttpProblem(
            415, f"the body is not {media_type} in UTF-8", f"send Content-Type: {media_type}", headers=CLOSE
        )
    if any(coding.strip().lower() != "identity" for coding in request.headers.getlist("content-encoding")):
        raise HttpProblem(415, "the body is compressed", "send it without Content-Encoding", headers=CLOSE)
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > MAX_BYTES):
        raise _too_large()


async def _receive(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> HttpProblem:
    hint = "ask for less at a time, in several requests"
    return HttpProblem(413, f"the body is larger than {MAX_BYTES:,} bytes", hint, headers=CLOSE)


__all__ = ["FORM", "JSON", "BodyReader", "ClientDisconnect", "parse_json"]
