"""The scale of ratings, where somebody states it: ratings may not use all of it yet."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cofactor.arrays import Floats, Mask
from cofactor.data.ratings import Ratings, find_step
from cofactor.errors import BadData

Scale = tuple[float, float]


def check_scale(scale: Sequence[float]) -> Scale:
    """The lowest and the highest possible rating as numbers; raises BadData where they are none."""
    hint = "give the lowest and the highest possible rating: scale=(1, 5), or --scale 1:5"
    try:
        low, high = map(float, scale)
    except (TypeError, ValueError):
        raise BadData(f"the scale is {scale!r}"[:80], hint) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise BadData(f"the scale is from {low:g} to {high:g}", hint)
    return low, high


def state_scale(ratings: Ratings, scale: Scale) -> Ratings:
    """The ratings on this scale, whose step is that of the ratings and of its ends.

    Raises BadData for counts and pairs, which have no scale, and for a rating outside.
    """
    if ratings.kind != "ratings":
        raise BadData(
            f"a scale for {ratings.kind}", "only ratings have one: leave it out, or read the values as ratings"
        )
    outside = find_outside(ratings.value, scale)
    if outside.any():
        n = int(np.flatnonzero(outside)[0])
        user, item = ratings.users.ids[ratings.user[n]], ratings.items.ids[ratings.item[n]]
        message = (
            f"user {user!r} rated item {item!r} {ratings.value[n]:g}, outside the scale {scale[0]:g} to {scale[1]:g}"
        )
        raise BadData(message, "correct it, or state a wider scale")
    values = np.append(ratings.value, np.array(scale, dtype=np.float32))
    return replace(ratings, scale=scale, step=find_step(values))


def find_outside(values: Floats, scale: Scale) -> Mask:
    """(n,) whether each value is outside a scale, in the precision of ratings."""
    low, high = np.float32(scale[0]), np.float32(scale[1])
    outside: Mask = (values < low) | (values > high)
    return outside
