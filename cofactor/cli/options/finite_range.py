"""A range of numbers as the type of an option."""

import math
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A finite number in a range: comparisons with its ends let `nan` pass, and nobody can wait for `inf` seconds."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number; fails for `nan` and `inf`."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number
