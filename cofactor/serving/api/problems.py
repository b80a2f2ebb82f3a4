"""Errors as problem+json (RFC 9457): what went wrong and what to do next, without internals of the service."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from cofactor.errors import CofactorError

MEDIA_TYPE = "application/problem+json"
SEE = "/openapi.json lists every route and its parameters"
MAX_SHOWN = 200  # characters of a detail or a hint
RETRY_AFTER = 1  # seconds
SAID = {  # instead of pydantic's words
    "extra_forbidden": "there is no such name here",
    "missing": "is missing",
    "string_type": 'must be text, as in "12"',
}


class HttpProblem(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status.
        detail: What is wrong, in one line.
        hint: What to do next.
        name: Kind of the problem in CamelCase; without one the HTTP status says it all.
        headers: Further headers of the response.
        refused: Reason, for metrics and the log, if the request was refused before it was processed.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        hint: str = SEE,
        *,
        name: str = "",
        headers: Sequence[tuple[str, str]] = (),
        refused: str = "",
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint = status, detail, hint
        self.name, self.headers, self.refused = name, headers, refused

    def response(self, version: str) -> Response:
        """The response, which names the version of the model."""
        body = {
            "type": f"urn:cofactor:problem:{_words(self.name, '-')}" if self.name else "about:blank",
            "title": _words(self.name, " ").capitalize() if self.name else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": printable(self.detail),
            "hint": printable(self.hint),
            "model": version,
        }
        response = Response(orjson.dumps(body), self.status, media_type=MEDIA_TYPE)
        for name, value in self.headers:
            response.headers.append(name, value)
        return response


def from_error(error: CofactorError) -> HttpProblem:
    """The problem for an error of the service."""
    unavailable = error.status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = [("retry-after", str(RETRY_AFTER))] if unavailable else []
    return HttpProblem(error.status, error.message, error.hint or SEE, name=type(error).__name__, headers=headers)


def from_validation(error: ValidationError, where: str, known: Sequence[str] = ()) -> HttpProblem:
    """The problem for an invalid parameter or body; names the first three errors, and repeats no input.

    known: the names of the parameters or fields, of which the hint suggests one for a name that is none.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return HttpProblem(400, found[0]["msg"], "send one JSON object, in UTF-8")
    said = (f"{_where(where, one['loc'])}: {SAID.get(one['type'], one['msg'])}" for one in found[:3])
    unknown = [one["loc"][0] for one in found if one["type"] == "extra_forbidden" and len(one["loc"]) == 1]
    return invalid("; ".join(said), _suggest_name(str(unknown[0]), known) if unknown and known else SEE)


def _suggest_name(unknown: str, known: Sequence[str]) -> str:
    near = get_close_matches(unknown[:MAX_SHOWN], known, 2)
    return f"did you mean {', '.join(near)}? {SEE}" if near else f"known are {', '.join(known)}; {SEE}"


def invalid(detail: str, hint: str = SEE) -> HttpProblem:
    """The problem for a request that has the wrong content."""
    return HttpProblem(422, detail, hint, name="InvalidRequest")


def retry_later(detail: str, hint: str, seconds: int, name: str, status: int = 503) -> HttpProblem:
    """The problem for a request that is refused for now."""
    return HttpProblem(
        status, detail, hint, name=name, headers=[("retry-after", str(seconds))], refused=_words(name, "-")
    )


def printable(text: str) -> str:
    """Text of bounded length without control characters and surrogates, which JSON cannot hold."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: MAX_SHOWN * 2])
    return clean if len(clean) <= MAX_SHOWN else clean[: MAX_SHOWN - 1] + "…"


def _where(first: str, location: tuple[Any, ...]) -> str:
    """("ratings", 0, "item") as "body ratings[0].item"."""
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in location).lstrip(".")
    return f"{first} {path}".strip()


def _words(name: str, joint: str) -> str:
    return joint.join(re.findall("[A-Z][a-z]*", name)).lower()
