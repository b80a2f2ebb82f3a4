"""From a request to the answer of a question: its parameters and its body, checked once, then whose turn it is."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from cofactor.machine import cores
from cofactor.serving.http.body import Bodies
from cofactor.serving.http.exchange import Call, Reply
from cofactor.serving.http.parameters import reader, segment
from cofactor.serving.http.problems import misasked
from cofactor.serving.http.routes import Route
from cofactor.serving.http.turns import Threads, Turns
from cofactor.serving.schemas import requests
from cofactor.serving.service import RecommendationService

WRITERS = 32  # threads that wait for a disk: what they bring at once is written at once


@dataclass(frozen=True)
class Lanes:
    """Where work is done, and who waits for it."""

    waiting: int
    bodies: Bodies = field(default_factory=Bodies)
    loop: Turns = field(init=False)
    thread: Threads = field(init=False)
    disk: Threads = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "loop", Turns(self.waiting))
        object.__setattr__(self, "thread", Threads(cores(), self.waiting, "list"))
        object.__setattr__(self, "disk", Threads(WRITERS, self.waiting, "store"))

    def close(self) -> None:
        self.thread.close()
        self.disk.close()


class Question:
    """One route about a model: what is asked, by whom it is answered, and where the work is done."""

    def __init__(self, route: Route, lanes: Lanes) -> None:
        self._route = route
        self._lanes = lanes
        self._ids = route.ids
        self._read = reader(route.query)
        self._passes_query = route.query is not requests.Nothing

    async def __call__(self, call: Call, ids: tuple[str, ...]) -> Reply:
        route = self._route
        asked: list[Any] = [segment(one, name) for one, name in zip(ids, self._ids, strict=True)]
        query = self._read(call.query)
        if self._passes_query:
            asked.append(query)
        if route.body is not None:
            asked.append(_parsed(await self._lanes.bodies.read(call), route.body))
        return Reply(await self._answer(call.answers, asked))

    async def _answer(self, answers: RecommendationService, asked: list[Any]) -> bytes:
        """The answer, made in the event loop where it is brief and in another thread where it is not.

        A list of a few thousand items takes half a millisecond, most of it in Python: a second thread would wait for
        the interpreter's lock and make it four times as long. A list of a million items takes tens, outside the lock.
        What waits for a disk has threads of its own, so that no list waits for a disk.
        """
        work = partial(_written, answers, self._route.ask, asked)
        if self._route.writes:
            answer: bytes = await self._lanes.disk(work)
        elif self._route.place(answers, asked[-1] if asked else None):
            answer = await self._lanes.loop(work)
        else:
            answer = await self._lanes.thread(work)
        return answer


def _written(answers: RecommendationService, ask: str, asked: list[Any]) -> bytes:
    return orjson.dumps(getattr(answers, ask)(*asked))


def _parsed(raw: bytes, body: type[BaseModel]) -> BaseModel:
    """JSON to a request in one pass, in which depth and the length of numbers are bounded; of a key the last counts."""
    try:
        return body.model_validate_json(raw)
    except ValidationError as error:
        raise misasked(error, "body") from None
