"""The pairs of users and items to predict: two lists of ids, or a table with a column of each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cofactor.arrays import Rows, Times
from cofactor.data.reading.dataframes import pair_columns
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.models.queries.ids import find_rows, is_id

HINT = "predict(users, items) takes two lists of ids, predict(table) a table with the columns user and item"


class PairRows(NamedTuple):
    """(m,) rows of users and items, -1 for an unknown id, and the times of the ratings if there are any."""

    users: Rows
    items: Rows
    times: Times | None


def is_table(value: object) -> bool:
    """Whether a value is a table of several columns: a data frame, an Arrow table or stream, or a mapping."""
    if isinstance(value, Mapping) or hasattr(value, "collect_schema"):
        return True
    if hasattr(value, "columns") or hasattr(value, "column_names"):
        return True
    return hasattr(value, "__arrow_c_stream__") and not hasattr(value, "to_numpy")  # a column of ids has both


def find_pairs(
    users: Vocabulary, items: Vocabulary, given: tuple[object, object], times: object, *, with_times: bool
) -> PairRows:
    """The rows of pairs; with_times: whether the times in a table are used.

    Raises BadData for lists of different lengths and for what are no ids.
    """
    first, second = given
    if second is None:
        if not is_table(first):
            raise BadData(f"no items for the users, which are of type {type(first).__name__}", HINT)
        try:
            table = pair_columns(first)
        except BadData as error:  # its hint names an option that reading has
            raise BadData(
                error.message, "rename the columns to user and item, or give two: predict(users, items)"
            ) from None
        first, second = table["user"], table["item"]
        times = table.get("time") if times is None and with_times else times
    if is_id(first) and is_id(second):
        first, second = [first], [second]
    pairs = PairRows(find_rows(users, first), find_rows(items, second), _as_times(times))
    check_lengths(*pairs)
    return pairs


def check_lengths(users: Rows, items: Rows, times: Times | None) -> None:
    """Raises BadData where the columns of pairs have different lengths."""
    if len(users) != len(items):
        raise BadData(f"{len(users):,} users for {len(items):,} items", "each pair needs a user and an item")
    if times is not None and len(times) != len(users):
        raise BadData(f"{len(times):,} times for {len(users):,} pairs", "give one time for each pair, or no times")


def _as_times(times: Any) -> Times | None:
    """Seconds since 1970 of numbers or dates; raises BadData for anything else."""
    if times is None:
        return None
    array = np.asarray(times)
    if array.dtype.kind == "M":
        return array.astype("datetime64[s]").astype(np.int64)
    if array.dtype.kind not in "iuf":
        raise BadData(f"times are of type {array.dtype}", "times are seconds since 1970, or datetime64")
    return array.astype(np.int64)
