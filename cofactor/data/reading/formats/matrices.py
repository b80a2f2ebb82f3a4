"""SciPy's sparse matrices and wide data frames as columns of users, items and values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cofactor.arrays import Array
from cofactor.data.reading.columns import COMMON_NAMES, plain_name
from cofactor.errors import BadData


def is_sparse_matrix(source: object) -> bool:
    """Whether an object is a sparse matrix or array of SciPy."""
    return hasattr(source, "tocoo") and hasattr(source, "nnz") and hasattr(source, "shape")


def sparse_columns(matrix: Any, users: Sequence[object] | None, items: Sequence[object] | None) -> dict[str, Any]:
    """The columns user, item and rating of the stored entries of a (users, items) matrix.

    Ids are the numbers of rows and columns from 0, or those in `users` and `items`. Entries of one cell are added, as
    SciPy does. Without the column of ratings where every value is 1. Raises BadData for another number of ids.
    """
    if len(matrix.shape) != 2:
        raise BadData(f"a sparse array of {len(matrix.shape)} dimensions", "rows are users, and columns items")
    entries = matrix.tocoo(copy=True)
    entries.sum_duplicates()
    values = np.asarray(entries.data)
    if values.dtype.kind not in "biuf":
        raise BadData(f"a sparse matrix of {values.dtype}", "its values are numbers")
    columns: dict[str, Any] = {}
    for role, names, rows in (("user", users, entries.coords[0]), ("item", items, entries.coords[1])):
        n = matrix.shape[0 if role == "user" else 1]
        if names is not None and len(names) != n:
            raise BadData(f"{len(names):,} ids of {role}s for {n:,} {'rows' if role == 'user' else 'columns'}")
        columns[role] = rows if names is None else _texts(names)[rows]
    if not (values == 1).all():
        columns["rating"] = values.astype(np.float64)
    return columns


def wide_frame_columns(frame: Any, user: str | None) -> dict[str, Any]:
    """The columns user, item and rating of a wide data frame: a row for each user, a column for each item.

    user: the name of the column of ids; by default the index of a pandas frame that has names in it, or the first
    column where its name is common for users. Missing values are no ratings. Raises BadData where there are no ids.
    """
    table: Any = frame.collect() if hasattr(frame, "collect_schema") and hasattr(frame, "collect") else frame
    named = getattr(table, "column_names", None)
    names = list(named if named is not None else getattr(table, "columns", table))
    ids, names = _row_ids(table, names, user)
    if not names:
        raise BadData("no columns of items", "a wide table has a column for each item")
    cells = np.stack([_numbers(table[name], str(name)) for name in names], axis=1)
    row, column = np.nonzero(~np.isnan(cells))
    return {"user": ids[row], "item": _texts(names)[column], "rating": cells[row, column]}


def _row_ids(table: Any, names: list[Any], user: str | None) -> tuple[Array, list[Any]]:
    if user is not None:
        chosen = next((name for name in names if str(name) == user), None)
        if chosen is None:
            raise BadData(f"no column {user!r}", "name the column of users")
        return np.asarray(table[chosen]), [name for name in names if name is not chosen]
    index = getattr(table, "index", None)
    if index is not None and not callable(index) and hasattr(index, "to_numpy"):
        values = index.to_numpy()
        if index.name is not None or not np.array_equal(values, np.arange(len(values))):
            return values, names
    if names and plain_name(str(names[0])) in (*COMMON_NAMES["user"], "id"):
        return np.asarray(table[names[0]]), names[1:]
    raise BadData("a wide table without ids of users", "name their column: columns={'user': NAME}, or set the index")


def _numbers(column: Any, name: str) -> Array:
    try:
        return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise BadData(f"column {name[:40]!r} of a wide table holds no numbers ({error})", "leave it out") from None


def _texts(names: Sequence[object]) -> Array:
    texts = np.empty(len(names), dtype=object)
    texts[:] = [str(name) for name in names]
    return texts
