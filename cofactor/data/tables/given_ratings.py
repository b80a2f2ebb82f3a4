"""Ratings as callers give them: Ratings, or a table or file that is read."""

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

from cofactor.data.align_vocabularies import align
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.errors import BadData, error_context

#: Ratings, or what `cofactor.read` reads: a data frame, an Arrow table, a mapping of columns, a sparse matrix, a path.
RatingsLike: TypeAlias = Ratings | Any

TABLE_METHODS = ("collect_schema", "columns", "column_names", "__arrow_c_stream__", "__dataframe__", "tocsr")


def as_ratings(argument: str, given: RatingsLike, hint: str = "") -> Ratings:
    """The ratings of an argument of a function, which are read as `read` does unless they are Ratings.

    Raises BadData that names the argument, with the hint, for what is no table; and as `read` does.
    """
    if isinstance(given, Ratings):
        return given
    if not is_table(given):
        shown = f"the class {given.__name__}" if isinstance(given, type) else f"of type {type(given).__name__}"
        raise BadData(f"{argument} is {shown}", hint or "give Ratings, or a data frame, a sparse matrix or a path")
    with error_context(argument):
        return read(given)


def as_training_parts(train: RatingsLike, validation: RatingsLike | None) -> tuple[Ratings, Ratings | None]:
    """The training and the validation ratings; those that are read have the users and items of both."""
    hint = "give Ratings or a data frame; cofactor.fit takes a Split"
    ratings = as_ratings("the training part", train, hint)
    if validation is None:
        return ratings, None
    others = as_ratings("the validation part", validation, hint)
    return (ratings, others) if ratings is train and others is validation else align(ratings, others)


def is_table(given: object) -> bool:
    """Whether a value may be a table of ratings, in memory or in a file."""
    if isinstance(given, type) or type(given).__module__.startswith("cofactor."):
        return False
    return isinstance(given, str | os.PathLike | Mapping) or any(hasattr(given, name) for name in TABLE_METHODS)
