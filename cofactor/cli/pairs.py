"""Pairs of ids in a file, and what a model predicts for them, known or not."""

import csv
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from cofactor.arrays import Floats, Rows, Times
from cofactor.data.duckdb_connection import first_line, quoted_name, shared_connection
from cofactor.data.parquet import parquet_table
from cofactor.data.reading.columns import find_columns
from cofactor.data.reading.sql_source import TEXT, SqlScan
from cofactor.data.reading.text_format import open_text
from cofactor.errors import BadData, error_context
from cofactor.evaluation.held_out import HeldOut
from cofactor.evaluation.scorer import Scorer
from cofactor.models.base import Model
from cofactor.models.posterior import PosteriorModel
from cofactor.models.regression.posterior_layout import is_cold

PAIRS_AT_A_TIME = 100_000
PAIR = ("user", "item")
DELIMITERS = (",", "\t", ";", "|")  # of which the first in the header is taken
PLAIN_NUMBER = re.compile(r"-?\d{1,15}(\.\d*)?")
NO_TIME = np.iinfo(np.int64).min  # before every day that a model knows


class Pair(NamedTuple):
    """A line of the file."""

    user: str
    item: str
    seconds: int | None = None  # since 1970, where a time is given and asked for


class Answer(NamedTuple):
    """What a model makes of it."""

    user: str
    item: str
    prediction: float | None  # None where the model has none
    deviation: float | None  # None where the model says nothing of it
    fallback: str  # which of the two had no training rating


def answers(model: Model, path: Path, columns: Mapping[str, str]) -> Iterator[Answer]:
    """The prediction of each pair in a file, in its order; at its time, where it has one and the model makes use of it.

    `fallback` is empty where the model has training ratings of both; else it names what it lacks.
    """
    training_data = model.training_data
    for pairs in read_pairs(path, columns, timed=isinstance(model, PosteriorModel) and model.day_vectors is not None):
        user, item = (
            training_data.users.rows([one.user for one in pairs]),
            training_data.items.rows([one.item for one in pairs]),
        )
        time = np.array([NO_TIME if one.seconds is None else one.seconds for one in pairs], dtype=np.int64)
        cold_user, cold_item = is_cold(user, training_data.user_counts), is_cold(item, training_data.item_counts)
        which = np.array(["", "user", "item", "user+item"])[cold_user + 2 * cold_item]
        predicted = [one if np.isfinite(one) else None for one in predict(model, user, item, time).tolist()]
        deviations: Sequence[float | None] = [None] * len(pairs)
        if isinstance(model, PosteriorModel):
            deviations = model.deviation(user, item, time).tolist()
        for pair, one, deviation, fallback in zip(pairs, predicted, deviations, which.tolist(), strict=True):
            yield Answer(pair.user, pair.item, one, deviation, fallback)


def columns_of(model: Model) -> list[str]:
    """What there is to say of each pair: the fields of its Answer."""
    return [name for name in Answer._fields if name != "deviation" or isinstance(model, PosteriorModel)]


def predict(model: Model, user: Rows, item: Rows, time: Times) -> Floats:
    """(n,) predictions of (n,) pairs of rows, -1 where an id is unknown; scored as `evaluate` does, and clipped."""
    training_data = model.training_data
    none = np.empty(0, dtype=np.int32)
    held = HeldOut(
        training_data, none, none, np.empty(0, dtype=np.float32), none, none, unknown_users=1, unknown_items=1
    )
    users, items = (
        np.where(rows < 0, len(ids), rows) for rows, ids in ((user, training_data.users), (item, training_data.items))
    )
    return model.clip(Scorer(model, held).score_pairs(users, items, time))


def read_pairs(path: Path, columns: Mapping[str, str], *, timed: bool) -> Iterator[list[Pair]]:
    """The pairs in a CSV, TSV or Parquet file with a header, some at a time; with their times where these are asked for
    and there is a column of them.

    Ids are read as `read` reads them: without the spaces around them, whole floats as integers. Raises BadData that
    names the line of a row which lacks one, or has a time that is none.
    """
    if not path.is_file():
        raise BadData(f"no such file: {path}", "a CSV, TSV or Parquet file with columns user and item")
    try:
        rows = (_parquet_rows if path.suffix == ".parquet" else _text_rows)(path, columns, timed)
        while pairs := list(islice(rows, PAIRS_AT_A_TIME)):
            yield pairs
    except UnicodeDecodeError as error:
        raise BadData(f"{path}: not UTF-8 text", "save it as UTF-8") from error
    except (csv.Error, duckdb.Error, EOFError, OSError, zlib.error) as error:
        raise BadData(f"cannot read {path}: {first_line(error)}", "pairs are rows of user and item ids") from error


def _text_rows(path: Path, columns: Mapping[str, str], timed: bool) -> Iterator[Pair]:
    with open_text(path) as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as file:
        before, heading = next(((n, line) for n, line in enumerate(file, 1) if line.strip()), (0, ""))
        if not heading:
            raise BadData(f"{path}: the file is empty", "it needs a header such as user,item and a line for each pair")
        delimiter = next((one for one in DELIMITERS if one in heading), ",")
        (names,) = csv.reader([heading], delimiter=delimiter)
        where = _columns(path, [name.strip() for name in names], columns, timed)
        reader = csv.reader(file, delimiter=delimiter)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            found = (cells[place].strip() if place < len(cells) else "" for place in where.values())
            yield _whole(*found, where=f"{path}: line {before + reader.line_num:,}")


def _parquet_rows(path: Path, columns: Mapping[str, str], timed: bool) -> Iterator[Pair]:
    with shared_connection() as database:
        table = parquet_table(path)
        described = database.execute(f"DESCRIBE FROM {table}").fetchall()
        names = [str(row[0]) for row in described]
        where = _columns(path, names, columns, timed)
        types = {role: str(described[place][1]) for role, place in where.items()}
        chosen = ", ".join(f'{quoted_name(names[place])} AS "{role}"' for role, place in where.items())
        source = SqlScan(f"SELECT {chosen} FROM {table}", types, numbered=False)
        texts = [source.id_text(role) for role in PAIR]
        if "time" in where:
            texts.append("time" if types["time"] == TEXT else f"CAST({source.time} AS VARCHAR)")
        database.execute(f"SELECT {', '.join(texts)} FROM ({source.sql})")
        number = 0
        while rows := database.fetchmany(PAIRS_AT_A_TIME):
            for row in rows:
                number += 1
                yield _whole(*(text or "" for text in row), where=f"{path}: row {number:,}")


def _whole(user: str, item: str, time: str = "", *, where: str) -> Pair:
    if not (user and item):
        raise BadData(f"{where}: no {'item' if user else 'user'} id", "give every row both")
    return Pair(user, item, _seconds(time, where) if time else None)


def _seconds(time: str, where: str) -> int:
    """Seconds since 1970 of a number or a date; of a date without a time zone, in UTC."""
    try:
        if PLAIN_NUMBER.fullmatch(time):
            return int(np.int64(float(time)))
        date = datetime.fromisoformat(time)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() // 1)
    except (ValueError, OverflowError):
        hint = "times are seconds since 1970 or dates; leave the column out with --column time="
        raise BadData(f"{where}: {time[:40]!r} is no time", hint) from None


def _columns(path: Path, names: list[str], columns: Mapping[str, str], timed: bool) -> dict[str, int]:
    """The places of user, item and, where it is asked for and there, time: in this order."""
    with error_context(str(path)):
        found = find_columns(names, columns, PAIR)
    return {role: found[role] for role in (*PAIR, "time") if role in found and (timed or role != "time")}
