"""Gathers the users of concurrent requests, whose scores are then computed in one matrix product."""

import asyncio
from collections import deque
from collections.abc import Callable

from cofactor.models.base import Model
from cofactor.serving.lists.user_scores import UserScores, score_users
from cofactor.serving.service import RecommendationService
from cofactor.serving.unit_costs import FAST


class ScoreBatcher:
    """The scores of trained users for the requests of one event loop.

    A product is computed in the event loop if it is fast, otherwise in a thread. Requests that arrive meanwhile wait
    for the next product. A list is the same as if its user had been scored alone.
    """

    def __init__(self) -> None:
        self._queues: dict[Model, _Queue] = {}

    async def scores(self, service: RecommendationService, user: str) -> UserScores | None:
        """The scores for `service.recommendations(user, asked, scores)`.

        None for a list that is computed without: of an unknown or folded-in user, of a small catalogue, or of a kind
        of model whose users are not scored together.
        """
        row = service.find_scored_row(user)
        if row is None:
            return None
        model = service.loaded_model.model
        queue = self._queues.get(model)
        if queue is None:
            queue = self._queues[model] = _Queue(model, in_thread=service.costs.trained > FAST)
            queue.task = asyncio.create_task(queue.run(lambda: self._queues.pop(model)))
        return await queue.add(row)


class _Queue:
    """The users that wait for a product of one model; it ends when nobody waits."""

    def __init__(self, model: Model, *, in_thread: bool) -> None:
        self._model, self._in_thread = model, in_thread
        self._waiting: deque[tuple[int, asyncio.Future[UserScores]]] = deque()
        self.task: asyncio.Task[None] | None = None

    async def add(self, row: int) -> UserScores:
        """The scores of a user row, after the next product."""
        result: asyncio.Future[UserScores] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, result))
        return await result

    async def run(self, end: Callable[[], object]) -> None:
        """Computes one product after the other until nobody waits, and then calls `end`."""
        while True:
            await asyncio.sleep(0)  # a pass of the event loop, in which other requests may join
            batch = self._take()
            if not batch:
                end()  # nothing is awaited after `_take`, so nobody waits now
                return
            rows = [row for row, _ in batch]
            try:
                if self._in_thread:
                    scored = await asyncio.to_thread(score_users, self._model, rows)
                else:
                    scored = score_users(self._model, rows)
            except Exception as error:
                for _, result in batch:
                    if not result.done():
                        result.set_exception(error)
                continue
            for (_, result), scores in zip(batch, scored, strict=True):
                if not result.done():
                    result.set_result(scores)

    def _take(self) -> list[tuple[int, "asyncio.Future[UserScores]"]]:
        """The users of the next product; those whose clients are gone are left out."""
        batch: list[tuple[int, asyncio.Future[UserScores]]] = []
        while self._waiting and len(batch) < self._model.users_per_product():
            one = self._waiting.popleft()
            if not one[1].done():
                batch.append(one)
        return batch
