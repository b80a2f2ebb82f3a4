"""What metrics and the log get to know of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """What metrics and the log get to know of a request: no id, no text of a user, and no key."""

    method: str
    route: str  # template of the route; empty for an unknown one
    status: int
    seconds: float
    request_id: str
    key: str  # name of the API key
    version: str  # of the model
    refused: str = ""  # why the request was refused before it was processed
    sources: Sequence[str] = ()  # of the lists in the response: trained, folded-in or popular


class Recorder(Protocol):
    """Receives every answered request: metrics, or a log."""

    def answered(self, one: AnsweredRequest) -> None: ...
