"""What a request may hold: every field with its bounds, and nothing beside them.

One class for the parameters of a route (`…Query`) or for its JSON body (`…Body`). Validated once, where a request comes
in; from there on the values are trusted.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_LISTED = 100  # items, users or reasons in one answer
MOST_REASONS = 10  # a list with reasons costs a scoring of the catalogue for each rating in the history
MOST_RATED = 1_000  # ratings in one request
MOST_NAMED = 1_000  # ids in a list of a body
MOST_NAMED_IN_ADDRESS = 50  # ids or genres in the parameters of an address
MOST_USERS = 100  # in a batch
MOST_ON_A_MAP = 2_000
LONGEST_ID = 200
LONGEST_QUERY = 100
LONGEST_GENRE = 50
LONGEST_CURSOR = 100
YEARS = (1000, 2999)
LATEST = 1 << 40  # seconds since 1970 that a rating may carry: no clock will show them
NO_NUL = r"^[^\x00]*$"  # a database's text cannot hold one

Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=NO_NUL)]
Genre = Annotated[str, Field(min_length=1, max_length=LONGEST_GENRE)]
Year = Annotated[int, Field(ge=YEARS[0], le=YEARS[1])]
N = Annotated[int, Field(ge=1, le=MOST_LISTED, description="how many, at most")]
Why = Annotated[int, Field(ge=0, le=MOST_REASONS, description="how many reasons to give for each item, at most")]
Stars = Annotated[float, Field(allow_inf_nan=False, description="within the model's scale")]

_ALLOWED = "list none but these; ids that the model does not know are passed over"
_DENIED = "list none of these"


class RequestModel(BaseModel):
    """Unknown fields are refused, and nothing asked for ever changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _body(example: dict[str, Any]) -> ConfigDict:
    """JSON has types: "5" is no number there."""
    return ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra={"examples": [example]})


# Which items may be listed, and how ----------------------------------------------------------------------------------


class FilterOptions(RequestModel):
    """Filters of a list of items. They say which items take part; the list is as long as if only those existed."""

    genre: Annotated[list[Genre], Field(max_length=MOST_NAMED_IN_ADDRESS, description="of any of these genres")] = []
    without_genre: Annotated[list[Genre], Field(max_length=MOST_NAMED_IN_ADDRESS, description="of none of these")] = []
    year_from: Annotated[Year | None, Field(description="of this year or later; without a year, never")] = None
    year_to: Annotated[Year | None, Field(description="of this year or earlier; without a year, never")] = None
    allow: Annotated[list[Id], Field(max_length=MOST_NAMED_IN_ADDRESS, description=_ALLOWED)] = []
    deny: Annotated[list[Id], Field(max_length=MOST_NAMED_IN_ADDRESS, description=_DENIED)] = []


class ListOptions(FilterOptions):
    """A list for one person."""

    n: N = 10
    cursor: Annotated[
        str, Field(max_length=LONGEST_CURSOR, description="`next` of the page before: goes on where it ended")
    ] = ""
    why: Why = 0
    seen: Annotated[bool, Field(description="list what the user has rated as well")] = False
    diversity: Annotated[
        float,
        Field(ge=0, le=1, description="0: by score; towards 1: the less alike (maximal marginal relevance)"),
    ] = 0.0


class BodyFilterOptions(RequestModel):
    """The lists of a body may be longer than those of an address."""

    allow: Annotated[list[Id], Field(max_length=MOST_NAMED, description=_ALLOWED)] = []
    deny: Annotated[list[Id], Field(max_length=MOST_NAMED, description=_DENIED)] = []
    candidates: Annotated[
        list[Id],
        Field(max_length=MOST_NAMED, description="rank these, each of which the model must know, rated before or not"),
    ] = []


Stranger = Annotated[
    Literal["refuse", "popular"],
    Field(description="for a user of whom nothing is known: a 404, or the most rated items"),
]


class ListQuery(ListOptions):
    stranger: Stranger = "refuse"


class ListBody(BodyFilterOptions, ListOptions):
    model_config = _body({"candidates": ["50", "172", "181"], "n": 3, "why": 1})
    stranger: Stranger = "refuse"


class Rated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    item: Id
    rating: Stars


class FoldedBody(BodyFilterOptions, ListOptions):
    model_config = _body({"ratings": [{"item": "50", "rating": 4.5}], "n": 5, "why": 1})
    ratings: Annotated[list[Rated], Field(max_length=MOST_RATED, description="each item once; none for a stranger")]


class BatchBody(BodyFilterOptions, ListOptions):
    model_config = _body({"users": ["196", "186"], "n": 5})
    users: Annotated[list[Id], Field(min_length=1, max_length=MOST_USERS)]
    stranger: Stranger = "refuse"


class PopularQuery(FilterOptions):
    n: N = 10
    cursor: Annotated[str, Field(max_length=LONGEST_CURSOR, description="`next` of the page before")] = ""


class SimilarQuery(FilterOptions):
    n: N = 10


# Ratings -------------------------------------------------------------------------------------------------------------


class GivenRating(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    user: Id
    item: Id
    rating: Stars
    time: Annotated[int | None, Field(ge=0, le=LATEST, description="seconds since 1970; by default now")] = None


class RatingsBody(BaseModel):
    model_config = _body({"ratings": [{"user": "196", "item": "50", "rating": 4.5}]})
    ratings: Annotated[
        list[GivenRating],
        Field(min_length=1, max_length=MOST_RATED, description="all or none are taken; of a pair the last counts"),
    ]


# The rest ------------------------------------------------------------------------------------------------------------


class Page(RequestModel):
    offset: Annotated[int, Field(ge=0, le=2**31, description="how many to pass over")] = 0
    n: N = 20


class ExplanationQuery(RequestModel):
    n: Annotated[int, Field(ge=1, le=MOST_LISTED, description="how many reasons, at most")] = 5


class SimilarUsersQuery(RequestModel):
    n: N = 10


class ItemsQuery(RequestModel):
    query: Annotated[str, Field(max_length=LONGEST_QUERY, description="words of a title, in any order")] = ""
    n: N = 10


class SearchQuery(RequestModel):
    q: Annotated[str, Field(max_length=LONGEST_QUERY, description="words of a title or genre, typing errors and all")]
    n: N = 10


class MapQuery(RequestModel):
    n: Annotated[int, Field(ge=1, le=MOST_ON_A_MAP, description="how many of the most rated items")] = 1_000


class RecoQuery(RequestModel):
    user: Annotated[Id, Field(alias="UsrID", description="the user's id")]
    n: Annotated[int, Field(alias="n_recos", ge=1, le=MOST_LISTED, description="how many items, at most")] = 5


class CategsQuery(RequestModel):
    words: Annotated[
        str,
        Field(alias="input_str", min_length=1, max_length=LONGEST_QUERY, description="a word of a title or genre"),
    ]
    n: Annotated[int, Field(alias="n_recos", ge=1, le=MOST_LISTED, description="how many items, at most")] = 5


class Nothing(RequestModel):
    """A route that takes no parameters refuses them too."""
