"""What the values of a table are: ratings on a scale, counts, or pairs without a value."""

from typing import Literal, get_args

import numpy as np

from cofactor.arrays import Floats
from cofactor.errors import BadData

Kind = Literal["ratings", "counts", "pairs"]  # on a scale; how often or how strongly; none, each is 1
MAX_COUNT = 1e12  # which a model can still be trained on


def value_range(kind: Kind, scale: tuple[float, float]) -> tuple[float, float]:
    """The lowest and the highest value that a user may give: the scale of ratings, any count from 0, 1 for a pair."""
    return {"ratings": scale, "counts": (0.0, MAX_COUNT), "pairs": (1.0, 1.0)}[kind]


def values_noun(kind: Kind) -> str:
    """The word for many values: "ratings", or "interactions" for counts and pairs."""
    return "ratings" if kind == "ratings" else "interactions"


def describe_values(n: int, kind: Kind, scale: tuple[float, float]) -> str:
    """A number of values and their range in words."""
    low, high = scale
    spread = {"ratings": f" from {low:g} to {high:g}", "counts": f" with counts from {low:g} to {high:g}", "pairs": ""}
    return f"{n:,} {values_noun(kind)}{spread[kind]}"


def check_values(kind: str, value: Floats) -> None:
    """Raises BadData for an unknown kind, and for (n,) values that are none of their kind."""
    if kind not in get_args(Kind):
        raise BadData(f"unknown kind of values {kind!r}", f"the kinds are {', '.join(get_args(Kind))}")
    if kind == "counts" and len(value) and value.min() < 0:
        raise BadData(f"count {int(value.argmin()):,} is {value.min():g}", "counts are numbers from 0")
    if kind == "pairs" and (value != 1).any():
        where = int(np.flatnonzero(value != 1)[0])
        raise BadData(f"pair {where:,} has the value {value[where]:g}", "a pair has the value 1; use counts or ratings")
