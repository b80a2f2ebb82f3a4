"""The divisor that scales ratings for training, so that one learning rate fits every rating scale."""

import math


def rating_unit(scale: tuple[float, float]) -> float:
    """A quarter of the scale to the nearest power of two, by which floats are multiplied without rounding."""
    width = scale[1] - scale[0]
    return 2.0 ** round(math.log2(width / 4)) if width > 0 else 1.0
