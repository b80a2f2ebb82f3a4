"""The first requests of a bundle, asked before anybody waits for them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TypeVar

from cofactor.serving.schemas.requests import ItemsQuery, ListQuery, SearchQuery, SimilarQuery
from cofactor.serving.service import Answers, Pace

Kind = TypeVar("Kind", bound=Answers)


def warm(answers: Kind) -> Kind:
    """The same answers with everything built that is built on first use, and with the pace of what costs most."""
    paced = replace(answers, pace=_exercise(answers))
    _exercise(paced)  # what is built once for answers, not for a bundle
    return paced


def _exercise(answers: Answers) -> Pace:
    training_data = answers.bundle.model.training_data
    answers.items(ItemsQuery(query="a", n=1))
    answers.search(SearchQuery(q="a", n=1))
    answers.card()
    if len(training_data.items):
        answers.similar(str(training_data.items.ids[0]), SimilarQuery())
    if not len(training_data.users):
        return Pace()
    heaviest = str(training_data.users.ids[int(training_data.user_counts.argmax())])
    ask = {why: partial(answers.recommendations, heaviest, ListQuery(why=why, stranger="popular")) for why in (1, 0)}
    ask[1]()
    return Pace(plain=_seconds(ask[0]), explained=_seconds(ask[1]))


def _seconds(ask: Callable[[], object]) -> float:
    start = perf_counter()
    ask()
    return perf_counter() - start
