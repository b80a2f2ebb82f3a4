"""Tables of other libraries as objects whose columns can be taken by name."""

import importlib
from contextlib import suppress
from typing import Any

import duckdb
import numpy as np

from cofactor.arrays import Array
from cofactor.errors import Unavailable

INTERCHANGE = ("pyarrow.interchange", "pandas.api.interchange", "polars")  # each has a function from_dataframe


def open_table(given: object) -> object:
    """A table whose columns can be taken by name: a lazy frame is collected, and a stream of Arrow, or a table that has
    only the interchange protocol of data frames, is read into memory. Anything else is returned as it is.

    Raises Unavailable where only a library that is not installed could read the table.
    """
    table: Any = given
    if hasattr(table, "collect_schema") and hasattr(table, "collect"):
        return table.collect()
    if hasattr(table, "__getitem__"):
        return given
    if hasattr(table, "__arrow_c_stream__"):
        return _read_stream(table)
    return _interchanged(table) if hasattr(table, "__dataframe__") else given


def _read_stream(table: object) -> dict[str, Array]:
    with duckdb.connect() as connection:
        columns = connection.from_arrow(table).fetchnumpy()
    return {name: _without_mask(column) for name, column in columns.items()}


def _without_mask(column: Any) -> Array:
    """A column with None where a value is missing."""
    if not isinstance(column, np.ma.MaskedArray):
        return np.asarray(column)
    if not np.ma.getmaskarray(column).any():
        return np.asarray(column.data)
    values = np.empty(len(column), dtype=object)
    values[:] = column.tolist()
    return values


def _interchanged(table: object) -> object:
    for name in INTERCHANGE:
        with suppress(ImportError):
            return importlib.import_module(name).from_dataframe(table)
    raise Unavailable(
        f"{type(table).__name__} can only be read with pyarrow, pandas or polars",
        "install one of them: pip install pyarrow",
    )
