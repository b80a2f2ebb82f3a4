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
    catalog = answers.bundle.model.catalog
    answers.items(ItemsQuery(query="a", n=1))
    answers.search(SearchQuery(q="a", n=1))
    answers.card()
    if len(catalog.items):
        answers.similar(str(catalog.items.ids[0]), SimilarQuery())
    if not len(catalog.users):
        return Pace()
    heaviest = str(catalog.users.ids[int(catalog.user_counts.argmax())])
    ask = {why: partial(answers.recommendations, heaviest, ListQuery(why=why, stranger="popular")) for why in (1, 0)}
    ask[1]()
    return Pace(plain=_seconds(ask[0]), explained=_seconds(ask[1]))


def _seconds(ask: Callable[[], object]) -> float:
    start = perf_counter()
    ask()
    return perf_counter() - start
