"""Data frames as NumPy columns. The frame is used by its methods, so no frame library is imported."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cofactor.arrays import Array
from cofactor.data.features import cell_text
from cofactor.data.reading.columns import find_columns, shown_names
from cofactor.data.tables.foreign_tables import open_table
from cofactor.errors import BadData

INTEGERS = re.compile(r"u?int(8|16|32|64|128)\b")  # types of pandas, polars and Arrow, in lower case
FIRST = 200  # cells of a column without a role that are looked at
MAX_NAMED = 3  # rows that an error names
FRAMES = "a path, a pandas, polars or Arrow table, a mapping of columns, or a sparse matrix of SciPy"


def rating_columns(
    frame: object, columns: Mapping[str, str] | None
) -> tuple[list[str], dict[str, int], dict[str, Array], dict[int, list[str]]]:
    """The names of a table's columns, the position of each role, the (n,) columns by role, and cells of others.

    Raises BadData for anything but a table with users and items.
    """
    table: Any = open_table(frame)
    names = _names(table)
    with _naming_the_index(table):
        where = find_columns([str(name) for name in names], columns)
    found = {role: _array(table[names[place]]) for role, place in where.items()}
    for role in ("user", "item"):
        _check_bytes(role, table[names[where[role]]])
    lengths = {role: len(column) for role, column in found.items()}
    if len(set(lengths.values())) > 1:
        raise BadData(f"columns of different lengths: {', '.join(f'{n:,} of {role}' for role, n in lengths.items())}")
    others = (
        {} if "rating" in where else {place: name for place, name in enumerate(names) if place not in where.values()}
    )
    cells = {place: [str(value) for value in _plain(table[name])[:FIRST].tolist()] for place, name in others.items()}
    return [str(name) for name in names], where, found, cells


def pair_columns(frame: object) -> dict[str, Array]:
    """The (n,) columns of users, items and, where there is one, times by role; raises BadData for another table."""
    table: Any = open_table(frame)
    names = _names(table)
    where = find_columns([str(name) for name in names], {"rating": ""})
    return {role: _array(table[names[place]]) for role, place in where.items()}


def text_columns(frame: object) -> tuple[dict[str, list[str | None]], set[str]]:
    """The texts of all cells by column, None where missing, and the names of the columns that were text already."""
    table: Any = open_table(frame)
    arrays = {str(name): _plain(table[name]) for name in _names(table)}
    cells = {
        name: [None if _missing(value) else cell_text(value) for value in column.tolist()]
        for name, column in arrays.items()
    }
    if len(set(map(len, cells.values()))) > 1:
        raise BadData("columns of different lengths", "give each column one value per row")
    numbers = {str(name) for name in _names(table) if _holds_missing_integers(table[name])}
    return cells, {name for name, column in arrays.items() if column.dtype.kind in "OUST"} - numbers


@contextmanager
def _naming_the_index(table: Any) -> Iterator[None]:
    """A column that is missing may be in the index of a pandas frame, as after `groupby` and `set_index`."""
    try:
        yield
    except BadData as error:
        named = [str(name) for name in getattr(getattr(table, "index", None), "names", ()) if name is not None]
        if not named or not error.message.startswith("no column"):
            raise
        hint = f"its index is {shown_names(named)}, which is no column: give .reset_index() of it"
        raise BadData(error.message, hint) from error


def _names(table: Any) -> list[Any]:
    if getattr(table, "ndim", None) == 1 and hasattr(table, "reset_index"):
        raise BadData("a Series of pandas is one column", "give a table: .reset_index(name='count') of it")
    for holder in ("column_names", "columns", "keys"):
        names = getattr(table, holder, None)
        if names is not None:
            return list(names() if callable(names) else names)
    raise BadData(f"cannot read ratings from {_kind(table)}", f"give {FRAMES}")


def _array(column: Any) -> Array:
    """One column as numbers, as times to the microsecond, or as text with None where a value is missing."""
    array = _plain(column)
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]")
    if array.dtype.kind in "biuf" and array.dtype != np.float16:
        return array
    return _objects([None if _missing(value) else _text(value) for value in array.tolist()])


def _check_bytes(role: str, column: Any) -> None:
    """Raises BadData, with the first rows, for ids of bytes that are not UTF-8: replaced, two of them could be one."""
    array = _plain(column)
    if array.dtype.kind not in "OS":
        return
    bad = [
        (row, value) for row, value in enumerate(array.tolist(), 1) if isinstance(value, bytes) and not _decodes(value)
    ]
    if bad:
        named = "; ".join(f"row {row:,}: {value[:40]!r}" for row, value in bad[:MAX_NAMED])
        more = f"; and {len(bad) - MAX_NAMED:,} more" if len(bad) > MAX_NAMED else ""
        raise BadData(
            f"{role} ids that are not UTF-8: {named}{more}", "decode them first, as in .str.decode('latin-1')"
        )


def _decodes(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _plain(column: Any) -> Array:
    """One column as it is; whole numbers of which some are missing stay whole numbers, with None for the missing."""
    if isinstance(column, np.ma.MaskedArray):
        return _objects(column.tolist())
    if str(getattr(column, "type", "")).startswith("dictionary"):  # of Arrow, whose to_numpy makes nulls other values
        return _objects(_values(column))
    if str(getattr(column, "dtype", "")).startswith("Int128") or _holds_missing_integers(column):
        return _objects(_values(column))
    array = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
    if array.ndim != 1:
        same = "two columns with one name?" if array.ndim == 2 and hasattr(column, "columns") else ""
        raise BadData(f"a column of shape {array.shape}", same or "give each column one value per row")
    return array


def _holds_missing_integers(column: Any) -> bool:
    """Whether a column is one of integers with missing values, which `to_numpy` makes floats, in part inexact ones."""
    kind = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
    if not INTEGERS.match(kind):
        return False
    nulls = getattr(column, "null_count", None)  # of polars, by a method, and of Arrow
    if nulls is None:  # of pandas and its arrays
        return hasattr(column, "isna") and bool(column.isna().any())
    return bool(nulls() if callable(nulls) else nulls)


def _values(column: Any) -> list[Any]:
    return list(next(getattr(column, name) for name in ("to_pylist", "to_list", "tolist") if hasattr(column, name))())


def _objects(values: list[Any]) -> Array:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        raise BadData(f"a column of {type(value).__name__}s", "give a table with one value in each cell")
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _missing(value: Any) -> bool:
    return value is None or (not isinstance(value, str) and str(value) in ("nan", "<NA>", "NaT", "None"))


def _kind(table: object) -> str:
    return f"{type(table).__module__}.{type(table).__qualname__}"
