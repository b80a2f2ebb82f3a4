"""Columns in memory as a table of pandas, polars or Arrow, each imported only when it is asked for."""

import importlib
from collections.abc import Mapping
from typing import Any

import duckdb

from cofactor.arrays import Array
from cofactor.data.duckdb_connection import select_list
from cofactor.errors import Unavailable


def to_pandas(columns: Mapping[str, Array]) -> Any:
    """A pandas.DataFrame; raises Unavailable where pandas is not installed."""
    return _import("pandas").DataFrame(dict(columns))


def to_polars(columns: Mapping[str, Array]) -> Any:
    """A polars.DataFrame; raises Unavailable where polars is not installed."""
    return _import("polars").DataFrame(
        {name: column.tolist() if column.dtype == object else column for name, column in columns.items()}
    )


def to_arrow(columns: Mapping[str, Array]) -> Any:
    """A pyarrow.Table; raises Unavailable where pyarrow is not installed."""
    return _import("pyarrow").table(dict(columns))


def arrow_stream(columns: Mapping[str, Array], requested_schema: object = None) -> Any:
    """A capsule of the Arrow C stream interface, which DuckDB makes: no other package is needed.

    requested_schema: is not used, as the interface allows.
    """
    connection = duckdb.connect()
    connection.register("columns", dict(columns))
    return connection.sql(f"SELECT {select_list(columns)} FROM columns").__arrow_c_stream__()


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed", f"pip install {name}") from None
