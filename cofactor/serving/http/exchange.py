"""One request as it came in, and one answer as it goes out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cofactor.serving.service import RecommendationService

JSON = b"application/json"
Header = tuple[bytes, bytes]
Receive = Any  # ASGI's own three
Send = Any
Scope = dict[str, Any]


class Reply(NamedTuple):
    """An answer: its body is complete, for nothing here is longer than a page."""

    body: bytes
    media_type: bytes = JSON
    status: int = 200
    headers: Sequence[Header] = ()
    refused: str = ""  # why, in a word, where it was refused before it was looked at


class Call:
    """A request. `answers` is the bundle it speaks with from first to last: read once, so no answer mixes two."""

    __slots__ = (
        *("address", "answers", "headers", "key", "method", "name"),
        *("path", "query", "receive", "request_id", "route", "version"),
    )

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.method: str = scope["method"]
        # As it was sent, percent signs and all, so that an id may hold a slash: %2F is one only after the path has been
        # taken apart.
        self.path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.receive = receive
        self.request_id = request_id
        self.address: str = (scope.get("client") or ("",))[0]
        self.name = ""  # of the model that is asked; none: the default one
        self.key = ""  # the name of the key that asks
        self.route = ""  # the template of the route that was found
        self.answers: RecommendationService
        self.version = ""  # of the model that answers
