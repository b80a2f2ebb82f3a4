"""What goes over the wire: what a request may hold, checked, and what an answer looks like, documented.

Answers are built as plain dictionaries and written by orjson; these classes are their description in OpenAPI, and the
tests hold the answers to it.
"""

from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_LISTED = 100  # items, users or reasons in one answer
MOST_REASONS = 10  # a list with reasons costs a scoring of the catalogue for each rating in the history
MOST_RATED = 1_000  # ratings in one request
LONGEST_ID = 200
LONGEST_QUERY = 100

Id = Annotated[str, BeforeValidator(unquote), Field(min_length=1, max_length=LONGEST_ID)]  # one segment of a path
N = Annotated[int, Field(ge=1, le=MOST_LISTED, description="how many items, at most")]
Why = Annotated[int, Field(ge=0, le=MOST_REASONS, description="how many reasons to give for each item, at most")]


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


# What a request may hold ---------------------------------------------------------------------------------------------


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListQuery(Query):
    n: N = 10
    why: Why = 0


class SimilarQuery(Query):
    n: N = 10


class ExplanationQuery(Query):
    n: Annotated[int, Field(ge=1, le=MOST_LISTED, description="how many reasons, at most")] = 5


class ItemsQuery(Query):
    query: Annotated[str, Field(max_length=LONGEST_QUERY, description="words of a title, in any order")] = ""
    n: N = 10


class UsersQuery(Query):
    offset: Annotated[int, Field(ge=0, le=2**31, description="how many users to pass over")] = 0
    n: Annotated[int, Field(ge=1, le=MOST_LISTED, description="how many users, at most")] = 20


class RecoQuery(Query):
    user: Annotated[str, Field(alias="UsrID", min_length=1, max_length=LONGEST_ID, description="the user's id")]
    n: Annotated[int, Field(alias="n_recos", ge=1, le=MOST_LISTED, description="how many items, at most")] = 5


class Rated(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    item: Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
    rating: Annotated[float, Field(allow_inf_nan=False, description="within the model's scale")]


class Ratings(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"ratings": [{"item": "50", "rating": 4.5}], "n": 5, "why": 1}]},
    )
    ratings: Annotated[list[Rated], Field(max_length=MOST_RATED, description="each item once")]
    n: N = 10
    why: Why = 0


# What an answer looks like -------------------------------------------------------------------------------------------

VERSION = "3f9c0a1b2d4e"
STAR_WARS: dict[str, Any] = {"item": "50", "title": "Star Wars (1977)", "genres": ["Action", "Sci-Fi"]}
BECAUSE: dict[str, Any] = {"item": "172", "title": "Empire Strikes Back, The (1980)", "rating": 5.0, "effect": 0.21}
LINE: dict[str, Any] = {**STAR_WARS, "score": 4.62, "because": [BECAUSE]}


class Answer(BaseModel):
    model: Annotated[str, Field(description="the version of the model that answered")]


class Item(BaseModel):
    model_config = _strict(STAR_WARS)
    item: str
    title: str
    genres: list[str]


class Reason(BaseModel):
    model_config = _strict(BECAUSE)
    item: str
    title: str
    rating: float
    effect: Annotated[float, Field(description="the score with this rating minus the score without it")]


class Recommendation(Item):
    model_config = _strict(LINE)
    score: Annotated[float, Field(description="a predicted rating where the model predicts ratings")]
    because: list[Reason]


class UserList(Answer):
    model_config = _strict({"model": VERSION, "user": "196", "recommendations": [LINE]})
    user: str
    recommendations: list[Recommendation]


class FoldedList(Answer):
    model_config = _strict({"model": VERSION, "recommendations": [LINE]})
    recommendations: list[Recommendation]


class Similar(Answer):
    model_config = _strict({"model": VERSION, **STAR_WARS, "similar": [{**LINE, "score": 0.91, "because": []}]})
    item: str
    title: str
    genres: list[str]
    similar: list[Recommendation]


class Explanation(Answer):
    model_config = _strict({"model": VERSION, "user": "196", **LINE})
    user: str
    item: str
    title: str
    genres: list[str]
    score: float
    because: list[Reason]


class Items(Answer):
    model_config = _strict({"model": VERSION, "query": "star wars", "items": [STAR_WARS]})
    query: str
    items: list[Item]


class User(BaseModel):
    model_config = _strict({"user": "196", "ratings": 39})
    user: str
    ratings: int


class Users(Answer):
    model_config = _strict({"model": VERSION, "total": 943, "offset": 0, "users": [{"user": "1", "ratings": 272}]})
    total: int
    offset: int
    users: list[User]


class Card(Answer):
    model_config = ConfigDict(
        extra="allow",  # what a manifest says of itself differs from trainer to trainer
        json_schema_extra={
            "examples": [
                {
                    "model": VERSION,
                    "kind": "factor",
                    "trainer": "svd",
                    "hyperparameters": {"rank": 32},
                    "metrics": {"rmse": 0.838},
                    "users": 943,
                    "items": 1682,
                    "ratings": 90000,
                    "scale": [1.0, 5.0],
                    "step": 1.0,
                    "predicts_ratings": True,
                }
            ]
        },
    )
    kind: str
    users: int
    items: int
    ratings: int
    scale: Annotated[list[float], Field(min_length=2, max_length=2, description="the lowest and highest rating")]
    step: float | None
    predicts_ratings: bool


class Reco(Answer):
    model_config = _strict(
        {"model": VERSION, "ratings": [4.62, 4.58], "labels": ["Star Wars (1977)", "Casablanca (1942)"]}
    )
    ratings: Annotated[list[float], Field(description="predicted ratings, highest first")]
    labels: Annotated[list[str], Field(description="titles, in the same order")]


class Status(Answer):
    model_config = _strict({"model": VERSION, "status": "ready"})
    status: str


class Problem(BaseModel):
    """What every answer outside 2xx holds (RFC 9457)."""

    model_config = _strict(
        {
            "type": "urn:cofactor:problem:unknown-id",
            "title": "Unknown id",
            "status": 404,
            "detail": "unknown user '9999'",
            "hint": "did you mean 999, 99?",
            "model": VERSION,
        }
    )
    type: str
    title: str
    status: int
    detail: str
    hint: str
    model: str
