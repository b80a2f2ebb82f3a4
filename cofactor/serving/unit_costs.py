"""The seconds that parts of an answer take on this machine, measured while a model is warmed up, and their bounds."""

from dataclasses import dataclass

from cofactor.errors import RequestTooCostly
from cofactor.models.top_n.diversity import POOL
from cofactor.serving.schemas.requests import BodyFilterOptions, FilterOptions, ListOptions

FAST = 0.02  # seconds that other requests may wait: longer work does not run on the event loop
FILTERS = frozenset(BodyFilterOptions.model_fields) | frozenset(FilterOptions.model_fields)
MAX_SECONDS = 5.0  # highest estimate of a request that is answered
FEWER = "ask for fewer users, ratings or explanations (`why`) in each request"


@dataclass(frozen=True)
class HistorySize:
    """The size of a user's history: ratings, those of the store among them, and whether it has to be folded in."""

    ratings: int
    events: int = 0
    folded: bool = False


@dataclass(frozen=True)
class UnitCosts:
    """Seconds of CPU time of the parts of an answer; all zero before they are measured."""

    trained: float = 0.0  # a short list for a trained user
    folded: float = 0.0  # the same for a history of one rating, which is folded in …
    folded_rating: float = 0.0  # … and for each further rating
    line: float = 0.0  # an item in a list
    explained: float = 0.0  # the explanations of a list, with any history …
    explained_rating: float = 0.0  # … for each rating of the history
    explained_pair: float = 0.0  # … and for each pair of a rating and a listed item
    reason: float = 0.0  # a rating that is shown with an item
    event: float = 0.0  # an event of a user in the store
    filtered: float = 0.0  # the filters of a list
    named: float = 0.0  # an id in a filter
    genre: float = 0.0  # a genre in a filter
    pool: float = 0.0  # a pool of items that is reordered by diversity
    similar: float = 0.0  # the items similar to one
    similar_users: float = 0.0  # the users similar to a trained one
    popular: float = 0.0  # the most rated items
    word: float = 0.0  # a word of a search
    title: float = 0.0  # a word of a search in titles
    genres: float = 0.0  # the list of genres

    def list(self, history: HistorySize, options: ListOptions) -> float:
        """A list for one user, with its filters and explanations."""
        seconds = self.history(history) + self.filters(options) + self.line * options.n
        if options.diversity:
            seconds += self.pool * (2 + options.n // POOL)
        if options.why:
            shown = options.n * min(options.why, history.ratings)
            seconds += self.explanations(history.ratings, options.n) + self.reason * shown
        return seconds

    def history(self, history: HistorySize) -> float:
        """Reading the history of a user and ranking all items by it."""
        scored = self.folded + self.folded_rating * history.ratings if history.folded else self.trained
        return scored + self.event * history.events

    def explanations(self, ratings: int, items: int) -> float:
        """The explanations of a number of items by a history of ratings."""
        return self.explained + self.explained_rating * ratings + self.explained_pair * ratings * items

    def filters(self, options: FilterOptions) -> float:
        """The filters of a request."""
        if options.model_fields_set.isdisjoint(FILTERS):
            return 0.0
        candidates = options.candidates if isinstance(options, BodyFilterOptions) else None
        ids = sum(len(one) for one in (options.allow, options.deny, candidates) if one)
        genres = len(options.genre) + len(options.without_genre)
        dated = options.year_from is not None or options.year_to is not None
        return (self.filtered if ids or genres or dated else 0.0) + self.named * ids + self.genre * genres


UNMEASURED = UnitCosts()


def check_cost(seconds: float) -> None:
    """Raises RequestTooCostly if an estimate exceeds MAX_SECONDS."""
    if seconds > MAX_SECONDS:
        raise RequestTooCostly(
            f"the request would take about {seconds:.0f} seconds of computation; at most {MAX_SECONDS:g} are allowed",
            FEWER,
        )
