"""The first requests of a bundle, asked before anybody waits for them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import perf_counter

from cofactor.serving.answers import Answers, Pace


def warm(answers: Answers) -> Answers:
    """The same answers with everything built that is built on first use, and with the pace of what costs most."""
    return replace(answers, pace=_exercise(answers))


def _exercise(answers: Answers) -> Pace:
    catalog = answers.bundle.model.catalog
    answers.items("a", 1)
    answers.card()
    if len(catalog.items):
        answers.similar(str(catalog.items.ids[0]), 10)
    if not len(catalog.users):
        return Pace()
    heaviest = str(catalog.users.ids[int(catalog.user_counts.argmax())])
    answers.recommendations(heaviest, 10, 1)
    return Pace(*(_seconds(partial(answers.recommendations, heaviest, 10, why)) for why in (0, 1)))


def _seconds(ask: Callable[[], object]) -> float:
    start = perf_counter()
    ask()
    return perf_counter() - start
