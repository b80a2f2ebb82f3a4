"""Errors as problem+json (RFC 9457): what went wrong, and what to do next; never how the inside looks."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from cofactor.errors import CofactorError

MEDIA_TYPE = "application/problem+json"
SEE = "/openapi.json lists every route and what it takes"
LONGEST_SHOWN = 200


def problem(
    status: int,
    detail: str,
    hint: str = "",
    *,
    version: str,
    name: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response of one problem. `name` is its kind in CamelCase; without one the HTTP status says it all."""
    body = {
        "type": f"urn:cofactor:problem:{_words(name, '-')}" if name else "about:blank",
        "title": _words(name, " ").capitalize() if name else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "hint": hint,
        "model": version,
    }
    return Response(orjson.dumps(body), status, dict(headers or {}), MEDIA_TYPE)


async def refused(request: Request, error: Exception) -> Response:
    """An error of ours, in its own words."""
    assert isinstance(error, CofactorError)
    name, version = type(error).__name__, request.state.answers.version
    return problem(error.status, printable(error.message), printable(error.hint), version=version, name=name)


async def not_served(request: Request, error: Exception) -> Response:
    """A route, a method or a body that is not taken."""
    assert isinstance(error, HTTPException)
    path, method = printable(request.scope["path"]), request.method
    detail = {404: f"there is nothing at {path}", 405: f"{path} does not take {method}"}.get(
        error.status_code, str(error.detail)
    )
    version = request.state.answers.version
    return problem(error.status_code, detail, SEE, version=version, headers=error.headers)


async def misasked(request: Request, error: Exception) -> Response:
    """A parameter or a body of the wrong shape; names the first few culprits, and repeats nothing of theirs."""
    assert isinstance(error, RequestValidationError)
    culprits = [f"{_where(one['loc'])}: {one['msg']}" for one in error.errors()[:3]]
    detail = printable("; ".join(culprits))
    return problem(422, detail, SEE, version=request.state.answers.version, name="InvalidRequest")


def printable(text: str) -> str:
    """Text of bounded length without control characters or halves of characters, which JSON could not hold."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: LONGEST_SHOWN * 2])
    return clean if len(clean) <= LONGEST_SHOWN else clean[: LONGEST_SHOWN - 1] + "…"


def _where(location: tuple[Any, ...]) -> str:
    """("body", "ratings", 0, "item") as "body ratings[0].item"."""
    first, *rest = location
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in rest).lstrip(".")
    return f"{first} {path}".strip()


def _words(name: str, joint: str) -> str:
    return joint.join(re.findall("[A-Z][a-z]*", name)).lower()
