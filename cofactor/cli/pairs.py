"""Pairs of ids in a file, and what a model predicts for them, known or not."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Mask, Rows
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.models.base import Model

PAIRS_AT_A_TIME = 100_000
USERS_AT_A_TIME = 256
NAMES = {
    "user": ("user", "user_id", "userid", "uid", "customer_id"),
    "item": ("item", "item_id", "itemid", "iid", "movie_id", "movieid", "product_id"),
}

Answer = tuple[str, str, float, str]  # user, item, prediction, which of them fell back


def answers(model: Model, path: Path, columns: Mapping[str, str]) -> Iterator[Answer]:
    """The prediction of each pair in a file, in its order.

    `fallback` is empty where the model has training ratings of both; else it names what it lacks. A user without them
    is scored as an empty history; an item without them gets the mean of the user's scores over all that has some.
    """
    for users, items in read_pairs(path, columns):
        catalog = model.catalog
        user, item = catalog.users.rows(users), catalog.items.rows(items)
        cold_user = _cold(user, catalog.user_counts)
        cold_item = _cold(item, catalog.item_counts)
        predicted = predict(model, user, item, cold_user, cold_item)
        which = np.array(["", "user", "item", "user+item"])[cold_user + 2 * cold_item]
        yield from zip(users, items, predicted.tolist(), which.tolist(), strict=True)


def predict(model: Model, user: Rows, item: Rows, cold_user: Mask, cold_item: Mask) -> Floats:
    """(n,) predictions of (n,) pairs of rows, clipped; a row of -1 is unknown and must be cold."""
    out = np.empty(len(user), dtype=np.float32)
    known = ~cold_user & ~cold_item
    out[known] = model.predict(user[known], item[known])
    nobody = model.scores_from(csr_array((1, len(model.catalog.items)), dtype=np.float32))[0]
    rankable = model.rankable
    new_user = cold_user & ~cold_item
    out[new_user] = nobody[item[new_user]]
    out[cold_user & cold_item] = nobody[rankable].mean()
    new_item = np.flatnonzero(cold_item & ~cold_user)
    distinct, where = np.unique(user[new_item], return_inverse=True)
    blocks = [distinct[start : start + USERS_AT_A_TIME] for start in range(0, len(distinct), USERS_AT_A_TIME)]
    means = [model.scores(block)[:, rankable].mean(axis=1) for block in blocks]
    if means:
        out[new_item] = np.concatenate(means)[where]
    return model.clip(out)


def read_pairs(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[list[str], list[str]]]:
    """Parallel lists of user and item ids, some at a time, of a CSV, TSV or Parquet file with a header."""
    if not path.is_file():
        raise BadData(f"no such file: {path}", "a CSV, TSV or Parquet file with columns user and item")
    source = "read_parquet(?)" if path.suffix == ".parquet" else "read_csv(?, header = true, all_varchar = true)"
    with duckdb.connect() as database:
        try:
            names = [column[0] for column in database.execute(f"SELECT * FROM {source} LIMIT 0", [str(path)]).description]
            user, item = (_quoted(_column(role, names, columns, path)) for role in ("user", "item"))
            query = f"SELECT CAST({user} AS VARCHAR), CAST({item} AS VARCHAR) FROM {source}"
            database.execute(query, [str(path)])
            while pairs := database.fetchmany(PAIRS_AT_A_TIME):
                yield _checked(pairs, path)
        except duckdb.Error as error:
            raise BadData(f"cannot read {path}: {_first_line(error)}", "pairs are rows of user and item ids") from error


def _checked(pairs: list[tuple[str | None, str | None]], path: Path) -> tuple[list[str], list[str]]:
    users, items = ([one or "" for one in column] for column in zip(*pairs, strict=True))
    if "" in users or "" in items:
        raise BadData(f"{path} has a row without a user or an item id", "give every row both")
    return users, items


def _column(role: str, names: list[str], columns: Mapping[str, str], path: Path) -> str:
    wanted = (columns[role],) if role in columns else NAMES[role]
    found = next((name for name in names if name in wanted or (role not in columns and name.lower() in wanted)), None)
    if found is None:
        missing = columns.get(role, role)
        raise BadData(f"{path} has no column {missing!r}; it has {', '.join(names[:8])}", f"--column {role}=NAME")
    return found


def _cold(rows: Rows, counts: Rows) -> Mask:
    """(n,) true for rows of -1 and rows without training ratings."""
    cold: Mask = np.append(counts, 0)[rows] == 0  # -1 takes the appended 0
    return cold


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
