"""Loads the rows of a scan by the rules of its columns: ids become row numbers of two vocabularies, times seconds.

`load_rows` assumes that every row is valid and returns None otherwise; `rejected_rows.load_valid_rows` then finds the
faults. Ids that are plain numbers are read as integers and looked up in an array, never as Python strings one by one.
Other ids are numbered by joins in SQL. Both ways keep the order of the file.
"""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from cofactor.arrays import Array, Floats, Rows, Strings
from cofactor.data.duckdb_connection import RESOURCE_ERRORS
from cofactor.data.reading.meaning.column_rules import ColumnRules
from cofactor.data.reading.meaning.id_rules import NO_IDS
from cofactor.data.reading.meaning.time_rules import to_seconds
from cofactor.data.reading.sql_source import SqlScan
from cofactor.data.vocabulary import Vocabulary
from cofactor.ids import find_id_fault

MAX_LOOKUP = 1 << 24  # ids up to this one, or up to four times their number, are looked up in an array
PLAIN_NUMBER = "^(0|[1-9][0-9]{0,17})$"  # as in `vocabulary.natural_order`


@dataclass(frozen=True)
class EncodedRatings:
    """Parallel columns of n ratings, in the order of the file."""

    users: Vocabulary
    items: Vocabulary
    user: Rows
    item: Rows
    value: Floats
    time: Array | None  # (n,) seconds since 1970: int64, or float64 where there are parts of a second

    def __len__(self) -> int:
        return len(self.value)


def load_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules) -> EncodedRatings | None:
    """The ratings of a scan; None where a row has a fault, or there are no rows."""
    connection.execute("DROP TABLE IF EXISTS rated")
    if rules.numbered:
        try:
            found = _numbered(connection, _chosen_rows(source, rules), rules)
        except RESOURCE_ERRORS:
            raise
        except duckdb.Error:  # an id is not a number, or a row has a fault
            found = None
        if found is not None:
            return found
    try:
        create_rated(connection, source, rules)
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:
        return None
    faultless = connection.execute(f"SELECT bool_and({faultless_sql(rules)}) FROM rated").fetchone()
    if faultless != (True,):
        return None
    found = load_checked_rows(connection, timed="time" in rules.types)
    return found if _follow_rule(found.users, rules) and _follow_rule(found.items, rules) else None


def faultless_sql(rules: ColumnRules) -> str:
    """SQL for whether a row of the table `rated` has no fault but perhaps one of an id."""
    good = "coalesce(user_id, '') <> '' AND coalesce(item_id, '') <> '' AND coalesce(isfinite(rating), false)"
    good += " AND NOT fault" + (" AND rating >= 0" if rules.kind == "counts" else "")
    if rules.scale is not None:
        good += " AND rating >= {}::FLOAT AND rating <= {}::FLOAT".format(*rules.scale)
    return f"({good} AND time IS NOT NULL)" if "time" in rules.types else f"({good})"


def create_rated(connection: duckdb.DuckDBPyConnection, source: SqlScan, rules: ColumnRules) -> None:
    """Creates the table `rated`, from which `load_checked_rows` loads, of all rows but those without a rating.

    It also has the number of a row, and whether an id of it is a float that is none. Raises duckdb.Error for a line
    that is no row.
    """
    faults = " OR ".join(f"{rules.float_fault(role)} IS NOT NULL" for role in ("user", "item"))
    faults += f" OR ({rules.is_header})"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE rated AS SELECT {rules.id_text('user')} AS user_id, "
        f"{rules.id_text('item')} AS item_id, CAST({rules.number} AS FLOAT) AS rating, "
        f"{rules.microseconds} AS time, {faults} AS fault{', record' if rules.is_missing else ''} "
        f"FROM {_chosen_rows(source, rules)}"
    )


def record_number(rules: ColumnRules) -> str:
    """SQL for the number of a row of the table `rated` among all rows, from 1."""
    return "record" if rules.is_missing else "rowid + 1"


def _chosen_rows(source: SqlScan, rules: ColumnRules) -> str:
    if not rules.is_missing:
        return f"({source.sql})"
    return f"(SELECT *, row_number() OVER () AS record FROM ({source.sql})) WHERE NOT {rules.is_missing}"


def _follow_rule(known: Vocabulary, rules: ColumnRules) -> bool:
    """Whether every id may be one."""
    return (rules.exact or not any(id_ in known for id_ in NO_IDS)) and all(
        find_id_fault(id_) is None for id_ in known.ids
    )


def load_checked_rows(connection: duckdb.DuckDBPyConnection, *, timed: bool) -> EncodedRatings:
    """The ratings of the table `rated` (user_id, item_id, rating, time in microseconds), whose rows have no fault."""
    users, items = _vocabulary(connection, "user"), _vocabulary(connection, "item")
    numbered = connection.execute(
        "SELECT rated.rowid AS place, users.number AS user_row, items.number AS item_row FROM rated "
        "JOIN users ON rated.user_id = users.id JOIN items ON rated.item_id = items.id"
    ).fetchnumpy()
    place = numbered.pop("place")  # a join does not keep the order
    user, item = np.empty(len(place), np.int32), np.empty(len(place), np.int32)
    user[place], item[place] = numbered.pop("user_row"), numbered.pop("item_row")
    del place, numbered
    rest = connection.execute(f"SELECT rating{', time' if timed else ''} FROM rated ORDER BY rowid").fetchnumpy()
    return EncodedRatings(users, items, user, item, rest["rating"], to_seconds(rest["time"]) if timed else None)


def _numbered(connection: duckdb.DuckDBPyConnection, rows: str, rules: ColumnRules) -> EncodedRatings | None:
    timed = "time" in rules.types
    columns: dict[str, Any] = connection.execute(
        f"SELECT {rules.id_number('user')} AS user_id, {rules.id_number('item')} AS item_id, "
        f"CAST({rules.number} AS FLOAT) AS rating{f', {rules.microseconds} AS time' if timed else ''} FROM {rows}"
    ).fetchnumpy()
    if any(isinstance(column, np.ma.MaskedArray) for column in columns.values()) or not len(columns["rating"]):
        return None
    user, item = columns.pop("user_id"), columns.pop("item_id")
    if min(user.min(), item.min()) < 0 or not np.isfinite(columns["rating"]).all():
        return None
    if rules.kind == "counts" and columns["rating"].min() < 0:
        return None
    users, user = encode_integer_ids(user, "user")
    items, item = encode_integer_ids(item, "item")
    time = to_seconds(columns.pop("time")) if timed else None
    return EncodedRatings(users, items, user, item, columns["rating"], time)


def encode_integer_ids(ids: Rows, noun: str) -> tuple[Vocabulary, Rows]:
    """The vocabulary of (n,) integer ids, in numeric order, and the (n,) row of each."""
    top = int(ids.max())
    if top < max(MAX_LOOKUP, 4 * len(ids)):
        present = np.zeros(top + 1, dtype=bool)
        present[ids] = True
        distinct = np.flatnonzero(present)
        rows = (np.cumsum(present, dtype=np.int32) - 1)[ids]
    else:
        distinct, inverse = np.unique(ids, return_inverse=True)
        rows = inverse.astype(np.int32)
    return Vocabulary(_strings([str(number) for number in distinct.tolist()]), noun), rows


def _vocabulary(connection: duckdb.DuckDBPyConnection, noun: str) -> Vocabulary:
    """The distinct ids of the table `rated` in natural order; also creates an SQL table of them with their rows."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE ids AS SELECT DISTINCT {noun}_id AS id FROM rated")
    plain = connection.execute(f"SELECT bool_and(regexp_matches(id, '{PLAIN_NUMBER}')) FROM ids").fetchone()
    order = "CAST(id AS BIGINT)" if plain == (True,) else "id"  # text is ordered by bytes of UTF-8: by code point
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {noun}s AS "
        f"SELECT id, CAST(row_number() OVER (ORDER BY {order}) - 1 AS INTEGER) AS number FROM ids"
    )
    ids = connection.execute(f"SELECT id FROM {noun}s ORDER BY number").fetchnumpy()["id"]
    return Vocabulary(_strings(ids.tolist()), noun)


def _strings(texts: list[str]) -> Strings:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
