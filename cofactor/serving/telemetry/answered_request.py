"""What metrics and the log get to know of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "other"


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """What metrics and the log get to know of a request: no id, no text of a client, and no key.

    Each of `method`, `route`, `status`, `key`, `refused` and `sources` has few values, whatever clients send, because
    the metrics keep a number for each.
    """

    method: str  # one of METHODS; OTHER_METHOD for anything else that a client may call a method
    route: str  # template of the route; empty for an unknown one
    status: int
    seconds: float
    request_id: str
    key: str  # name of the API key
    version: str  # of the model
    refused: str = ""  # why the request was refused before it was processed
    sources: Sequence[str] = ()  # of the lists in the response: trained, folded-in or popular


def known_method(method: str) -> str:
    """The method as it is recorded."""
    return method if method in METHODS else OTHER_METHOD


class Recorder(Protocol):
    """Receives every answered request: metrics, or a log."""

    def answered(self, one: AnsweredRequest) -> None: ...
