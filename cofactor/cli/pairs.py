"""Pairs of ids in a file, and what a model predicts for them, known or not."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import numpy as np

from cofactor.arrays import Floats, Mask, Rows
from cofactor.data.columns import find_columns
from cofactor.data.culprit import naming
from cofactor.data.database import brief_connection, first_line, quoted_name, quoted_path
from cofactor.data.parquet import parquet_table
from cofactor.errors import BadData
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.scorer import Scorer
from cofactor.models.base import Model

PAIRS_AT_A_TIME = 100_000
ROLES = ("user", "item")

Answer = tuple[str, str, float | None, str]  # user, item, prediction where there is one, which of them fell back


def answers(model: Model, path: Path, columns: Mapping[str, str]) -> Iterator[Answer]:
    """The prediction of each pair in a file, in its order.

    `fallback` is empty where the model has training ratings of both; else it names what it lacks.
    """
    for users, items in read_pairs(path, columns):
        catalog = model.catalog
        user, item = catalog.users.rows(users), catalog.items.rows(items)
        cold_user = _cold(user, catalog.user_counts)
        cold_item = _cold(item, catalog.item_counts)
        predicted = [one if np.isfinite(one) else None for one in predict(model, user, item).tolist()]
        which = np.array(["", "user", "item", "user+item"])[cold_user + 2 * cold_item]
        yield from zip(users, items, predicted, which.tolist(), strict=True)


def predict(model: Model, user: Rows, item: Rows) -> Floats:
    """(n,) predictions of (n,) pairs of rows, -1 where an id is unknown; scored as `evaluate` does, and clipped."""
    catalog = model.catalog
    none = np.empty(0, dtype=np.int32)
    held = HeldOut(catalog, none, none, np.empty(0, dtype=np.float32), none, none, unknown_users=1, unknown_items=1)
    known_or_behind = (
        np.where(rows < 0, len(ids), rows) for rows, ids in ((user, catalog.users), (item, catalog.items))
    )
    return model.clip(Scorer(model, held).pairs(*known_or_behind))


def read_pairs(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[list[str], list[str]]]:
    """Parallel lists of user and item ids, some at a time, of a CSV, TSV or Parquet file with a header."""
    if not path.is_file():
        raise BadData(f"no such file: {path}", "a CSV, TSV or Parquet file with columns user and item")
    table = parquet_table(path) if path.suffix == ".parquet" else _text_table(path)
    with naming(str(path)), brief_connection() as database:
        try:
            names = [row[0] for row in database.execute(f"DESCRIBE FROM {table}").fetchall()]
            where = find_columns(names, columns, ROLES)
            user, item = (quoted_name(names[where[role]]) for role in ROLES)
            database.execute(f"SELECT CAST({user} AS VARCHAR), CAST({item} AS VARCHAR) FROM {table}")
            while pairs := database.fetchmany(PAIRS_AT_A_TIME):
                yield _checked(pairs)
        except duckdb.Error as error:
            raise BadData(f"cannot be read: {first_line(error)}", "pairs are rows of user and item ids") from error


def _text_table(path: Path) -> str:
    return f"read_csv({quoted_path(path)}, header = true, all_varchar = true, hive_partitioning = false)"


def _checked(pairs: list[tuple[str | None, str | None]]) -> tuple[list[str], list[str]]:
    users, items = ([one or "" for one in column] for column in zip(*pairs, strict=True))
    if "" in users or "" in items:
        raise BadData("there is a row without a user or an item id", "give every row both")
    return users, items


def _cold(rows: Rows, counts: Rows) -> Mask:
    """(n,) true for rows of -1 and rows without training ratings."""
    cold: Mask = np.append(counts, 0)[rows] == 0  # -1 takes the appended 0
    return cold
