"""Files of (user, item) pairs to predict: CSV, TSV or Parquet."""

import csv
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np

from cofactor.data.duckdb_connection import first_line, quoted_name, shared_connection
from cofactor.data.parquet import parquet_table
from cofactor.data.reading.columns import find_columns
from cofactor.data.reading.formats.text_head import open_text
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import TEXT, is_real
from cofactor.data.reading.meaning.time_rules import DATED, TimeRule, named_rule
from cofactor.errors import BadData, error_context
from cofactor.ids import normalize_id

BLOCK_ROWS = 100_000
MAX_SECONDS = 10**11  # the year 5138; a higher number counts milliseconds or less
WHOLE_FLOAT = re.compile(r"-?(0|[1-9]\d*)\.0")
PAIR = ("user", "item")
DELIMITERS = (",", "\t", ";", "|")  # the first of these in the header is the delimiter
PLAIN_NUMBER = re.compile(r"-?\d{1,15}(\.\d*)?")


class Pair(NamedTuple):
    """A row of the file."""

    user: str
    item: str
    seconds: int | None = None  # since 1970, if the row has a time


def read_pairs(path: Path, columns: Mapping[str, str], *, with_times: bool) -> Iterator[list[Pair]]:
    """The pairs in a CSV, TSV or Parquet file with a header, in blocks.

    columns: unusual names of columns, by role. with_times: whether to read the column of times, if there is one. Ids
    are read as by `read`: surrounding spaces are removed, and a column of whole floats becomes one of integers. Raises
    BadData with the line of a row that lacks an id or has an invalid time.
    """
    if not path.is_file():
        raise BadData(f"no such file: {path}", "name a CSV, TSV or Parquet file with columns user and item")
    try:
        rows = (_parquet_rows if path.suffix == ".parquet" else _text_rows)(path, columns, with_times)
        while pairs := list(islice(rows, BLOCK_ROWS)):
            yield pairs
    except UnicodeDecodeError:
        raise BadData(f"{path}: not UTF-8 text", "save it as UTF-8") from None
    except (csv.Error, duckdb.Error, EOFError, OSError, zlib.error) as error:
        raise BadData(
            f"cannot read {path}: {first_line(error)}", "each row of the file is a user id and an item id"
        ) from None


def _text_rows(path: Path, columns: Mapping[str, str], with_times: bool) -> Iterator[Pair]:
    whole = set(PAIR)
    for _, cells in _records(path, columns, with_times):
        whole = {role for role in whole if not cells[role] or WHOLE_FLOAT.fullmatch(cells[role])}
        if not whole:  # in the first row, for most files
            break
    for place, cells in _records(path, columns, with_times):
        cells |= {role: cells[role].removesuffix(".0") for role in whole}
        yield _make_pair(*cells.values(), where=place)


def _records(path: Path, columns: Mapping[str, str], with_times: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the place of each row, for messages, and its cells by role."""
    with open_text(path) as binary, io.TextIOWrapper(binary, "utf-8-sig", newline="") as file:
        before, heading = next(((n, line) for n, line in enumerate(file, 1) if line.strip()), (0, ""))
        if not heading:
            raise BadData(f"{path}: the file is empty", "it needs a header such as user,item and a line for each pair")
        delimiter = next((one for one in DELIMITERS if one in heading), ",")
        (names,) = csv.reader([heading], delimiter=delimiter)
        where = _columns(path, [name.strip() for name in names], columns, with_times)
        reader = csv.reader(file, delimiter=delimiter)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            found = {role: cells[place].strip() if place < len(cells) else "" for role, place in where.items()}
            yield f"{path}: line {before + reader.line_num:,}", found


def _parquet_rows(path: Path, columns: Mapping[str, str], with_times: bool) -> Iterator[Pair]:
    with shared_connection() as database:
        table = parquet_table(path)
        described = database.execute(f"DESCRIBE FROM {table}").fetchall()
        names = [str(row[0]) for row in described]
        where = _columns(path, names, columns, with_times)
        types = {role: str(described[place][1]) for role, place in where.items()}
        chosen = ", ".join(f'{quoted_name(names[place])} AS "{role}"' for role, place in where.items())
        source = f"(SELECT {chosen} FROM {table})"
        whole = frozenset(role for role in PAIR if is_real(types[role]) and _all_whole(database, source, role))
        rules = ColumnRules(types, whole=whole, time=_typed_times(types.get("time", "")))
        texts = [rules.id_text(role) for role in PAIR]
        if "time" in where:
            texts.append('"time"' if rules.time is None else f"CAST({rules.microseconds} // 1000000 AS VARCHAR)")
        database.execute(f"SELECT {', '.join(texts)} FROM {source}")
        number = 0
        while rows := database.fetchmany(BLOCK_ROWS):
            for row in rows:
                number += 1
                yield _make_pair(*(text or "" for text in row), where=f"{path}: row {number:,}")


def _all_whole(database: duckdb.DuckDBPyConnection, source: str, role: str) -> bool:
    """Whether no number of a column has a part after the point."""
    found = database.execute(f'SELECT bool_and("{role}" = trunc("{role}")) FROM {source}').fetchone()
    return found == (True,)


def _typed_times(kind: str) -> TimeRule | None:
    """The rule of a column of times of an SQL type; None for text."""
    if kind == TEXT:
        return None
    return DATED if kind.startswith(("TIMESTAMP", "DATE")) else named_rule("s")


def _make_pair(user: str, item: str, time: str = "", *, where: str) -> Pair:
    user, item = normalize_id(user), normalize_id(item)
    if not (user and item):
        raise BadData(f"{where}: no {'item' if user else 'user'} id", "every row needs a user and an item")
    return Pair(user, item, _seconds(time, where) if time else None)


def _seconds(time: str, where: str) -> int:
    """Seconds since 1970 of a number or a date; a date without a time zone is in UTC."""
    try:
        if PLAIN_NUMBER.fullmatch(time):
            seconds = int(np.int64(float(time)))
            if abs(seconds) >= MAX_SECONDS:
                raise ValueError(time)
            return seconds
        date = datetime.fromisoformat(time)
        return int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() // 1)
    except (ValueError, OverflowError):
        hint = "times are seconds since 1970 or dates; leave the column out with --column time="
        raise BadData(f"{where}: {time[:40]!r} is not a time", hint) from None


def _columns(path: Path, names: list[str], columns: Mapping[str, str], with_times: bool) -> dict[str, int]:
    """The positions of the columns user, item and, if wanted and present, time: in this order."""
    with error_context(str(path)):
        found = find_columns(names, columns, PAIR)
    return {role: found[role] for role in (*PAIR, "time") if role in found and (with_times or role != "time")}
