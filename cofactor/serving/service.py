"""Which bundle is live, and how another takes its place. Knows nothing of HTTP."""

from collections.abc import Callable
from functools import partial
from time import perf_counter

from cofactor.serving.answers import Answers, Pace
from cofactor.serving.bundle import Bundle
from cofactor.serving.requests import ItemsQuery, ListQuery, SearchQuery, SimilarQuery


class Service:
    """The one reference to the bundle that is live. Replacing it is atomic: a request reads it once."""

    def __init__(self, bundle: Bundle) -> None:
        self._answers = Answers(bundle)
        self.ready = False

    def answers(self) -> Answers:
        """What to ask for the length of one request."""
        return self._answers

    def warm_up(self) -> None:
        """Answers one request of each costly kind, so that no user waits for pages of memory or for an index."""
        self.replace(self._answers.bundle)

    def replace(self, bundle: Bundle) -> None:
        """Puts another bundle in the place of the live one, warm; the old one stays where the new one cannot answer."""
        self._answers = Answers(bundle, _exercise(Answers(bundle)))
        self.ready = True


def _exercise(answers: Answers) -> Pace:
    """Asks everything that is built on first use, then takes the time of what costs most."""
    catalog = answers.bundle.model.catalog
    answers.items(ItemsQuery(query="a", n=1))
    answers.search(SearchQuery(q="a", n=1))
    answers.card()
    if len(catalog.items):
        answers.similar(str(catalog.items.ids[0]), SimilarQuery())
    if not len(catalog.users):
        return Pace()
    heaviest = str(catalog.users.ids[int(catalog.user_counts.argmax())])
    answers.recommendations(heaviest, ListQuery(why=1))
    return Pace(*(_seconds(partial(answers.recommendations, heaviest, ListQuery(why=why))) for why in (0, 1)))


def _seconds(ask: Callable[[], object]) -> float:
    start = perf_counter()
    ask()
    return perf_counter() - start
