"""Scores rounded to the digits that mean something, for answers."""

from functools import cache
from math import floor, log10

DIGITS = 5  # significant ones of a score; a model is no better known than that
MIN_DECIMALS = 4  # of predicted ratings
DIGITS_OF_FLOAT32 = 7  # significant ones


def round_score(score: float, scale: tuple[float, float] | None = None) -> float:
    """A score, rounded half to even: to MIN_DECIMALS decimals if it is a rating on a scale, otherwise to DIGITS
    significant digits. Rounding never changes the order of scores, but different scores may become equal.

    On a scale with values below 1 ratings have more decimals, so that the highest has DIGITS significant digits.
    """
    rounded = float(f"{score:.{DIGITS}g}") if scale is None else round(score, _decimals(scale))
    return rounded + 0.0  # not -0.0


@cache
def _decimals(scale: tuple[float, float]) -> int:
    highest = max(map(abs, scale))
    return max(MIN_DECIMALS, DIGITS - 1 - floor(log10(highest))) if highest else MIN_DECIMALS


def round_rating(rating: float) -> float:
    """A rating as it was given, without the digits that single precision adds: 3.7, not 3.700000047683716."""
    return float(f"{rating:.{DIGITS_OF_FLOAT32}g}") + 0.0
