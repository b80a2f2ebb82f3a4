"""The fields of answers, for the OpenAPI document.

Answers are built as plain dictionaries and serialized by orjson; the tests validate them against these classes.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


def _strict(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


VERSION = "3f9c0a1b2d4e"
STAR_WARS: dict[str, Any] = {"item": "50", "title": "Star Wars (1977)", "genres": ["Action", "Sci-Fi"], "year": 1977}
BECAUSE: dict[str, Any] = {"item": "172", "title": "Empire Strikes Back, The (1980)", "rating": 5.0, "effect": 0.21}
LINE: dict[str, Any] = {**STAR_WARS, "score": 4.62, "because": [BECAUSE]}
NEXT = "10-3f9c0a1b2d4e-5b1f09aa"
LISTED: dict[str, Any] = {"source": "folded-in", "ratings": 40, "recommendations": [LINE], "next": NEXT}
NOW = 1_793_000_000  # seconds since 1970


class Answer(BaseModel):
    model: Annotated[str, Field(description="the version of the model that answered")]


# Lists ---------------------------------------------------------------------------------------------------------------


class Item(BaseModel):
    model_config = _strict(STAR_WARS)
    item: str
    title: str
    genres: list[str]
    year: Annotated[int | None, Field(description="the year at the end of the title, if there is one")]


class Reason(BaseModel):
    model_config = _strict(BECAUSE)
    item: str
    title: str
    rating: float
    effect: Annotated[float, Field(description="the score with this rating minus the score without it")]


class Recommendation(Item):
    model_config = _strict(LINE)
    score: Annotated[float, Field(description="a predicted rating if the model predicts ratings")]
    because: list[Reason]


Source = Annotated[
    Literal["trained", "folded-in", "popular"],
    Field(description="the trained user; the folded-in ratings, if they changed since; or the most rated items"),
]
Next = Annotated[str | None, Field(description="the cursor of the next page; null at the end of the list")]


class List(BaseModel):
    """The recommendations of one user, and their source."""

    model_config = _strict(LISTED)
    source: Source
    ratings: Annotated[int, Field(description="number of the user's ratings that the list is computed from")]
    recommendations: list[Recommendation]
    next: Next


class UserList(Answer, List):
    model_config = _strict({"model": VERSION, "user": "196", **LISTED})
    user: str


class FoldedList(Answer, List):
    model_config = _strict({"model": VERSION, **LISTED})


class Problem(BaseModel):
    """The body of every answer with a status other than 2xx (RFC 9457)."""

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


class ListOfOne(List):
    model_config = _strict({"user": "196", **LISTED})
    user: str


class NoList(BaseModel):
    """A user without a list, and the reason."""

    model_config = _strict({"user": "9999", "problem": {"detail": "unknown user '9999'", "hint": "did you mean 999?"}})
    user: str
    problem: dict[str, str]


class BatchLists(Answer):
    model_config = _strict({"model": VERSION, "lists": [{"user": "196", **LISTED}]})
    lists: Annotated[list[ListOfOne | NoList], Field(description="one for each requested user, in that order")]


class Popular(Answer):
    model_config = _strict({"model": VERSION, "items": [{**STAR_WARS, "ratings": 583, "mean": 4.36}], "next": NEXT})
    items: list["RatedItem"]
    next: Next


class RatedItem(Item):
    model_config = _strict({**STAR_WARS, "ratings": 583, "mean": 4.36})
    ratings: Annotated[int, Field(description="number of ratings of the item, with those sent to the service")]
    mean: Annotated[float | None, Field(description="mean of these ratings; null without any")]


class OneItem(Answer, RatedItem):
    model_config = _strict({"model": VERSION, **STAR_WARS, "ratings": 583, "mean": 4.36})


class Similar(Answer, Item):
    model_config = _strict({"model": VERSION, **STAR_WARS, "similar": [{**LINE, "score": 0.91, "because": []}]})
    similar: list[Recommendation]


class SimilarUser(BaseModel):
    model_config = _strict({"user": "186", "score": 0.93, "ratings": 92, "common": 31})
    user: str
    score: Annotated[float, Field(description="cosine similarity, at most 1")]
    ratings: Annotated[int, Field(description="number of training ratings of the user")]
    common: Annotated[int, Field(description="number of items that both users have rated")]


class SimilarUsers(Answer):
    model_config = _strict(
        {"model": VERSION, "user": "196", "similar": [{"user": "186", "score": 0.93, "ratings": 92, "common": 31}]}
    )
    user: str
    similar: list[SimilarUser]


class Explanation(Answer, Item):
    model_config = _strict({"model": VERSION, "user": "196", **LINE})
    user: str
    score: float
    because: list[Reason]


# Finding items and users ---------------------------------------------------------------------------------------------


class Items(Answer):
    model_config = _strict({"model": VERSION, "query": "star wars", "items": [STAR_WARS]})
    query: str
    items: list[Item]


class Found(Answer):
    model_config = _strict({"model": VERSION, "query": "sttar wras", "read_as": "star wars", "items": [STAR_WARS]})
    query: str
    read_as: Annotated[
        str, Field(description="the query with each unknown word replaced by the most similar known one")
    ]
    items: list[Item]


class Categs(Answer):
    model_config = _strict({"model": VERSION, "items": ["50"], "labels": ["Star Wars (1977)"]})
    items: list[str]
    labels: Annotated[list[str], Field(description="titles in the same order")]


class Genre(BaseModel):
    model_config = _strict({"genre": "Comedy", "items": 505})
    genre: str
    items: Annotated[int, Field(description="number of items of the genre that may be recommended")]


class Genres(Answer):
    model_config = _strict({"model": VERSION, "genres": [{"genre": "Comedy", "items": 505}]})
    genres: list[Genre]


class Place(BaseModel):
    model_config = _strict({**STAR_WARS, "x": 0.12, "y": -0.73, "ratings": 583})
    item: str
    title: str
    genres: list[str]
    year: int | None
    x: Annotated[float, Field(ge=-1, le=1)]
    y: Annotated[float, Field(ge=-1, le=1)]
    ratings: int


class Map(Answer):
    model_config = _strict({"model": VERSION, "items": [{**STAR_WARS, "x": 0.12, "y": -0.73, "ratings": 583}]})
    items: Annotated[list[Place], Field(description="the most rated items; similar ones are close together")]


class User(BaseModel):
    model_config = _strict({"user": "196", "ratings": 39})
    user: str
    ratings: Annotated[int, Field(description="number of training ratings of the user")]


class Users(Answer):
    model_config = _strict({"model": VERSION, "total": 943, "offset": 0, "users": [{"user": "1", "ratings": 272}]})
    total: int
    offset: int
    users: list[User]


# Ratings -------------------------------------------------------------------------------------------------------------


RATING: dict[str, Any] = {**STAR_WARS, "rating": 4.5, "time": NOW, "source": "service"}


class UserRating(Item):
    model_config = _strict(RATING)
    rating: float
    time: Annotated[int | None, Field(description="seconds since 1970; null for a rating of the training data")]
    source: Annotated[
        Literal["training", "service"],
        Field(description="whether the rating is from the training data or was sent to the service"),
    ]
    new_item: Annotated[
        bool, Field(description="only for an item that the model does not have: it waits for the next training")
    ] = False


class UserRatings(Answer):
    model_config = _strict(
        {"model": VERSION, "user": "196", "total": 40, "offset": 0, "waiting": 1, "ratings": [RATING]}
    )
    user: str
    total: int
    offset: int
    waiting: Annotated[
        int,
        Field(
            description="number of ratings and deletions that were sent to the service and that the model was not "
            "trained on; lists take them into account, except ratings of new items"
        ),
    ] = 0
    ratings: Annotated[
        list[UserRating],
        Field(description="ratings sent to the service, latest first, then those of the training data"),
    ]


class Taken(Answer):
    model_config = _strict({"model": VERSION, "taken": 1})
    taken: Annotated[int, Field(description="number of ratings that are stored on disk")]


class TakenBack(Answer):
    model_config = _strict({"model": VERSION, "user": "196", "item": "50", "taken_back": True})
    user: str
    item: str
    taken_back: Annotated[bool, Field(description="false if there was no such rating")]


class Forgotten(Answer):
    model_config = _strict({"model": VERSION, "user": "196", "forgotten": 12, "trained": True})
    user: str
    forgotten: Annotated[int, Field(description="number of ratings and deletions that were erased from the store")]
    trained: Annotated[
        bool, Field(description="whether the model was trained on ratings of the user; they are no longer used")
    ]


# The model -----------------------------------------------------------------------------------------------------------

CARD: dict[str, Any] = {
    "model": VERSION,
    "name": "svd",
    "kind": "factor",
    "trainer": "svd",
    "hyperparameters": {"rank": 32},
    "metrics": {"rmse": 0.838},
    "curve": [{"epoch": 1, "train": 0.95, "validation": 0.93}],
    "users": 943,
    "items": 1682,
    "ratings": 90000,
    "scale": [1.0, 5.0],
    "step": 1.0,
    "values": "ratings",
    "predicts_ratings": True,
    "takes_ratings": True,
}


class Epoch(BaseModel):
    model_config = _strict(CARD["curve"][0])
    epoch: int
    train: Annotated[float | None, Field(description="RMSE on the training ratings; null if not measured")]
    validation: Annotated[float | None, Field(description="metric on the validation ratings; null without any")]


class Card(Answer):
    model_config = ConfigDict(
        extra="allow",  # the metrics and hyperparameters of a manifest differ between trainers
        json_schema_extra={"examples": [CARD]},
    )
    name: Annotated[str, Field(description="the name of the model in /models/{name}/…")]
    kind: str
    users: int
    items: int
    ratings: int
    scale: Annotated[list[float], Field(min_length=2, max_length=2, description="the lowest and highest rating")]
    step: float | None
    values: Annotated[
        Literal["ratings", "counts", "pairs"],
        Field(description="what POST /ratings takes: ratings on the scale, counts from 0, or 1 for an interaction"),
    ]
    predicts_ratings: bool
    takes_ratings: Annotated[bool, Field(description="whether the service accepts POST /ratings")]
    curve: Annotated[list[Epoch], Field(description="metrics of each training epoch; empty if none are recorded")]


class Served(BaseModel):
    model_config = _strict({"name": "svd", "model": VERSION, "trainer": "svd", "default": True})
    name: str
    model: str
    trainer: str
    default: Annotated[bool, Field(description="whether this model answers requests that name none")]


class Models(Answer):
    model_config = _strict(
        {"model": VERSION, "models": [{"name": "svd", "model": VERSION, "trainer": "svd", "default": True}]}
    )
    models: list[Served]


class Reloaded(Answer):
    model_config = _strict({"model": VERSION, "name": "svd", "before": "9d1c22aa01bc", "changed": True})
    name: str
    before: str
    changed: bool


class Reco(Answer):
    model_config = _strict(
        {"model": VERSION, "ratings": [4.62, 4.58], "labels": ["Star Wars (1977)", "Casablanca (1942)"]}
    )
    ratings: Annotated[list[float], Field(description="predicted ratings in descending order")]
    labels: Annotated[list[str], Field(description="titles in the same order")]


class Status(Answer):
    model_config = _strict({"model": VERSION, "status": "ready"})
    status: str
