"""Errors as problem+json (RFC 9457): what went wrong, and what to do next; never how the inside looks."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError

from cofactor.errors import CofactorError
from cofactor.serving.http.exchange import Header, Reply

MEDIA_TYPE = "application/problem+json"
SEE = "/openapi.json lists every route and what it takes"
LONGEST_SHOWN = 200
LATER = 1  # seconds after which one may ask again where nothing better is known


class Problem(Exception):
    """Why a request is not answered. `name` is its kind in CamelCase; without one the HTTP status says it all."""

    def __init__(
        self,
        status: int,
        detail: str,
        hint: str = SEE,
        *,
        name: str = "",
        headers: Sequence[Header] = (),
        refused: str = "",
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.hint = hint
        self.name = name
        self.headers = headers
        self.refused = refused

    def reply(self, version: str) -> Reply:
        body = {
            "type": f"urn:cofactor:problem:{_words(self.name, '-')}" if self.name else "about:blank",
            "title": _words(self.name, " ").capitalize() if self.name else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": printable(self.detail),
            "hint": printable(self.hint),
            "model": version,
        }
        return Reply(orjson.dumps(body), MEDIA_TYPE.encode(), self.status, self.headers, self.refused)


def of(error: CofactorError) -> Problem:
    """An error of ours, in its own words."""
    headers = [retry_after(LATER)] if error.status == HTTPStatus.SERVICE_UNAVAILABLE else []
    return Problem(error.status, error.message, error.hint or SEE, name=type(error).__name__, headers=headers)


def misasked(error: ValidationError, where: str) -> Problem:
    """A parameter or a body of the wrong shape; names the first few culprits, and repeats nothing of theirs."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Problem(400, found[0]["msg"], "send one JSON object, in UTF-8")
    return invalid("; ".join(f"{_where(where, one['loc'])}: {one['msg']}" for one in found[:3]))


def invalid(detail: str) -> Problem:
    return Problem(422, detail, name="InvalidRequest")


def later(detail: str, hint: str, seconds: int, name: str, status: int = 503) -> Problem:
    """Refused for now, and when to ask again."""
    return Problem(status, detail, hint, name=name, headers=[retry_after(seconds)], refused=_words(name, "-"))


def retry_after(seconds: int) -> Header:
    return (b"retry-after", b"%d" % seconds)


def printable(text: str) -> str:
    """Text of bounded length without control characters or halves of characters, which JSON could not hold."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: LONGEST_SHOWN * 2])
    return clean if len(clean) <= LONGEST_SHOWN else clean[: LONGEST_SHOWN - 1] + "…"


def _where(first: str, location: tuple[Any, ...]) -> str:
    """("ratings", 0, "item") as "body ratings[0].item"."""
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in location).lstrip(".")
    return f"{first} {path}".strip()


def _words(name: str, joint: str) -> str:
    return joint.join(re.findall("[A-Z][a-z]*", name)).lower()
