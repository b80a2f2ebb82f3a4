"""Pairs of ids in a file, and what a model predicts for them, known or not."""

import csv
import io
import zlib
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import duckdb
import numpy as np

from cofactor.arrays import Floats, Mask, Rows
from cofactor.data.columns import find_columns
from cofactor.data.culprit import naming
from cofactor.data.database import brief_connection, first_line, quoted_name
from cofactor.data.delimited import open_text
from cofactor.data.parquet import parquet_table
from cofactor.data.source import Source
from cofactor.errors import BadData
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.scorer import Scorer
from cofactor.models.base import Model

PAIRS_AT_A_TIME = 100_000
PAIR = ("user", "item")
DELIMITERS = (",", "\t", ";", "|")  # of which the first in the header is taken

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
    """Parallel lists of user and item ids, some at a time, of a CSV, TSV or Parquet file with a header.

    Ids are read as `read` reads them: without the spaces around them, whole floats as integers. Raises BadData that
    names the line of a row which lacks one.
    """
    if not path.is_file():
        raise BadData(f"no such file: {path}", "a CSV, TSV or Parquet file with columns user and item")
    try:
        rows = _parquet_rows(path, columns) if path.suffix == ".parquet" else _text_rows(path, columns)
        while pairs := list(islice(rows, PAIRS_AT_A_TIME)):
            users, items = map(list, zip(*pairs, strict=True))
            yield users, items
    except UnicodeDecodeError as error:
        raise BadData(f"{path}: not UTF-8 text", "save it as UTF-8") from error
    except (csv.Error, duckdb.Error, EOFError, OSError, zlib.error) as error:
        raise BadData(f"cannot read {path}: {first_line(error)}", "pairs are rows of user and item ids") from error


def _text_rows(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    with open_text(path) as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as file:
        before, heading = next(((n, line) for n, line in enumerate(file, 1) if line.strip()), (0, ""))
        if not heading:
            raise BadData(f"{path}: the file is empty", "it needs a header such as user,item and a line for each pair")
        delimiter = next((one for one in DELIMITERS if one in heading), ",")
        (names,) = csv.reader([heading], delimiter=delimiter)
        where = _columns(path, [name.strip() for name in names], columns)
        reader = csv.reader(file, delimiter=delimiter)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            user, item = (cells[where[role]].strip() if where[role] < len(cells) else "" for role in PAIR)
            yield _whole(user, item, f"{path}: line {before + reader.line_num:,}")


def _parquet_rows(path: Path, columns: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    with brief_connection() as database:
        table = parquet_table(path)
        described = database.execute(f"DESCRIBE FROM {table}").fetchall()
        names = [str(row[0]) for row in described]
        where = _columns(path, names, columns)
        chosen = ", ".join(f'{quoted_name(names[where[role]])} AS "{role}"' for role in PAIR)
        source = Source(f"SELECT {chosen} FROM {table}", {r: str(described[where[r]][1]) for r in PAIR}, numbered=False)
        database.execute(f"SELECT {', '.join(source.id_text(role) for role in PAIR)} FROM ({source.scan})")
        number = 0
        while pairs := database.fetchmany(PAIRS_AT_A_TIME):
            for user, item in pairs:
                number += 1
                yield _whole(user or "", item or "", f"{path}: row {number:,}")


def _whole(user: str, item: str, where: str) -> tuple[str, str]:
    if not (user and item):
        raise BadData(f"{where}: no {'item' if user else 'user'} id", "give every row both")
    return user, item


def _columns(path: Path, names: list[str], columns: Mapping[str, str]) -> dict[str, int]:
    with naming(str(path)):
        return find_columns(names, columns, PAIR)


def _cold(rows: Rows, counts: Rows) -> Mask:
    """(n,) true for rows of -1 and rows without training ratings."""
    cold: Mask = np.append(counts, 0)[rows] == 0  # -1 takes the appended 0
    return cold
