"""The fields of requests and their bounds; other fields are rejected.

There is one class for the parameters of a route (`…Query`) or for its JSON body (`…Body`). A request is validated once,
when it arrives; after that its values are trusted.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from cofactor.ids import HINT, MAX_LENGTH, find_id_fault, normalize_id

MOST_LISTED = 100  # items, users or explanations in one answer
MOST_REASONS = 10  # an explained list scores the catalogue once for each rating in the history
MOST_RATED = 1_000  # ratings in one request
MOST_NAMED = 1_000  # ids in a list of a body
MOST_NAMED_IN_ADDRESS = 50  # ids or genres in the parameters of an address
MOST_USERS = 100  # in a batch
MOST_ON_A_MAP = 2_000
LONGEST_ID = MAX_LENGTH
LONGEST_QUERY = 100
LONGEST_GENRE = 50
LONGEST_CURSOR = 100
YEARS = (1000, 2999)
LATEST = 1 << 40  # latest time of a rating, in seconds since 1970: far in the future
NO_NUL = r"^[^\x00]*$"  # what a schema says of the characters of an id; `check_id` says more


def _normal_id(given: str) -> str:
    """The normal form of an id; the error does not repeat what the client sent."""
    id_ = normalize_id(given)
    fault = find_id_fault(id_)
    if fault:
        raise PydanticCustomError("id", "an id that {fault}; {hint}", {"fault": fault, "hint": HINT})
    return id_


Id = Annotated[
    str,
    AfterValidator(_normal_id),
    Field(json_schema_extra={"minLength": 1, "maxLength": LONGEST_ID, "pattern": NO_NUL}),
]
Genre = Annotated[str, Field(min_length=1, max_length=LONGEST_GENRE)]
Year = Annotated[int, Field(ge=YEARS[0], le=YEARS[1])]
N = Annotated[int, Field(ge=1, le=MOST_LISTED, description="maximum number of entries")]
Why = Annotated[int, Field(ge=0, le=MOST_REASONS, description="maximum number of ratings that explain each item")]
Stars = Annotated[
    float,
    Field(allow_inf_nan=False, description="a rating within the model's scale; a count from 0; 1 for an interaction"),
]

_ALLOWED = "recommend only these items; unknown ids are ignored, and [] leaves no item"
_DENIED = "recommend none of these items"


class RequestModel(BaseModel):
    """The base class of requests: immutable, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _body(example: dict[str, Any]) -> ConfigDict:
    """JSON values must have the right type: "5" is not a number."""
    return ConfigDict(extra="forbid", frozen=True, strict=True, json_schema_extra={"examples": [example]})


# Filters and options of lists -----------------------------------------------------------------------------------------


class FilterOptions(RequestModel):
    """Filters of a list of items. The list has the length it would have if only the remaining items existed.

    A list of a filter that is empty is not the same as one that is absent (`model_fields_set`).
    """

    genre: Annotated[
        list[Genre],
        Field(max_length=MOST_NAMED_IN_ADDRESS, description="items of any of these genres; [] leaves no item"),
    ] = []
    without_genre: Annotated[
        list[Genre], Field(max_length=MOST_NAMED_IN_ADDRESS, description="items of none of these genres")
    ] = []
    year_from: Annotated[
        Year | None, Field(description="items of this year or later; excludes items without a year")
    ] = None
    year_to: Annotated[
        Year | None, Field(description="items of this year or earlier; excludes items without a year")
    ] = None
    allow: Annotated[list[Id], Field(max_length=MOST_NAMED_IN_ADDRESS, description=_ALLOWED)] = []
    deny: Annotated[list[Id], Field(max_length=MOST_NAMED_IN_ADDRESS, description=_DENIED)] = []


class ListOptions(FilterOptions):
    """A list for one user."""

    n: N = 10
    cursor: Annotated[
        str,
        Field(min_length=1, max_length=LONGEST_CURSOR, description="`next` of the previous page: continues after it"),
    ] = ""
    why: Why = 0
    seen: Annotated[bool, Field(description="also list items that the user has rated")] = False
    diversity: Annotated[
        float,
        Field(ge=0, le=1, description="0: by score; towards 1: less similar items (maximal marginal relevance)"),
    ] = 0.0


class BodyFilterOptions(RequestModel):
    """Filters of a body, which may name more items than the address of a request."""

    allow: Annotated[list[Id], Field(max_length=MOST_NAMED, description=_ALLOWED)] = []
    deny: Annotated[list[Id], Field(max_length=MOST_NAMED, description=_DENIED)] = []
    candidates: Annotated[
        list[Id],
        Field(max_length=MOST_NAMED, description="rank only these known items, rated or not; [] leaves no item"),
    ] = []


Stranger = Annotated[
    Literal["refuse", "popular"],
    Field(description="for a user without ratings: a 404, or the most rated items"),
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
    ratings: Annotated[
        list[Rated], Field(max_length=MOST_RATED, description="ratings of the user, each item once; may be empty")
    ]


class BatchBody(BodyFilterOptions, ListOptions):
    model_config = _body({"users": ["196", "186"], "n": 5})
    users: Annotated[list[Id], Field(min_length=1, max_length=MOST_USERS)]
    stranger: Stranger = "refuse"


class PopularQuery(FilterOptions):
    n: N = 10
    cursor: Annotated[
        str, Field(min_length=1, max_length=LONGEST_CURSOR, description="`next` of the previous page")
    ] = ""


class SimilarQuery(FilterOptions):
    n: N = 10


# Ratings -------------------------------------------------------------------------------------------------------------


class GivenRating(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    user: Id
    item: Id
    rating: Stars
    time: Annotated[
        int | None, Field(ge=0, le=LATEST, description="seconds since 1970; by default the time of the request")
    ] = None


class RatingsBody(BaseModel):
    model_config = _body({"ratings": [{"user": "196", "item": "50", "rating": 4.5}]})
    ratings: Annotated[
        list[GivenRating],
        Field(
            min_length=1,
            max_length=MOST_RATED,
            description="all are stored or none; of several ratings of a pair the last counts",
        ),
    ]


# The rest ------------------------------------------------------------------------------------------------------------


class Page(RequestModel):
    offset: Annotated[int, Field(ge=0, le=2**31, description="number of entries to skip")] = 0
    n: N = 20


class ExplanationQuery(RequestModel):
    n: Annotated[int, Field(ge=1, le=MOST_LISTED, description="maximum number of ratings")] = 5


class SimilarUsersQuery(RequestModel):
    n: N = 10


class ItemsQuery(RequestModel):
    query: Annotated[str, Field(max_length=LONGEST_QUERY, description="words of a title, in any order")] = ""
    n: N = 10


class SearchQuery(RequestModel):
    q: Annotated[
        str, Field(max_length=LONGEST_QUERY, description="words of a title or genre; typing errors are corrected")
    ]
    n: N = 10


class MapQuery(RequestModel):
    n: Annotated[int, Field(ge=1, le=MOST_ON_A_MAP, description="number of the most rated items")] = 1_000


class RecoQuery(RequestModel):
    user: Annotated[Id, Field(alias="UsrID", description="the user's id")]
    n: Annotated[int, Field(alias="n_recos", ge=1, le=MOST_LISTED, description="maximum number of items")] = 5


class CategsQuery(RequestModel):
    words: Annotated[
        str,
        Field(alias="input_str", min_length=1, max_length=LONGEST_QUERY, description="a word of a title or genre"),
    ]
    n: Annotated[int, Field(alias="n_recos", ge=1, le=MOST_LISTED, description="maximum number of items")] = 5


class Nothing(RequestModel):
    """A request without parameters; any parameter is rejected."""
