"""Loads the rows of a source: ids become row numbers of two vocabularies, times become seconds.

`load_rows` assumes that every row is valid and returns None otherwise; `rejected_rows.load_valid_rows` then finds the
faults. Ids that are plain numbers are read as integers and looked up in an array, never as Python strings one by one.
Other ids are numbered by joins in SQL. Both ways keep the order of the file.
"""

from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from cofactor.arrays import Floats, Rows, Strings, Times
from cofactor.data.duckdb_connection import RESOURCE_ERRORS
from cofactor.data.reading.sql_source import SqlScan
from cofactor.data.vocabulary import Vocabulary
from cofactor.ids import find_id_fault

# (from, divisor): a number of seconds this high is far in the future, so the unit is ns, µs or ms.
UNITS = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
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
    time: Times | None

    def __len__(self) -> int:
        return len(self.value)


def load_rows(connection: duckdb.DuckDBPyConnection, source: SqlScan) -> EncodedRatings | None:
    """The ratings of a source; None where a row has a fault, or there are no rows."""
    if source.numbered:
        try:
            found = _numbered(connection, source)
        except RESOURCE_ERRORS:
            raise
        except duckdb.Error:  # an id is not a number, or a row has a fault
            found = None
        if found is not None:
            return found
    try:
        user, item = source.id_text("user"), source.id_text("item")
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE rated AS SELECT {user} AS user_id, {item} AS item_id, "
            f"{source.rating} AS rating, {source.time} AS time FROM ({source.sql})"
        )
    except RESOURCE_ERRORS:
        raise
    except duckdb.Error:
        return None
    good = "bool_and(coalesce(user_id, '') <> '' AND coalesce(item_id, '') <> '' AND coalesce(isfinite(rating), false)"
    timed = " AND time IS NOT NULL)" if "time" in source.types else ")"
    faultless = connection.execute(f"SELECT {good}{timed} FROM rated").fetchone()
    if faultless != (True,):
        return None
    found = load_checked_rows(connection, timed="time" in source.types)
    follow_rule = all(find_id_fault(id_) is None for known in (found.users, found.items) for id_ in known.ids)
    return found if follow_rule else None


def load_checked_rows(connection: duckdb.DuckDBPyConnection, *, timed: bool) -> EncodedRatings:
    """The ratings of the table `rated` (user_id, item_id, rating, time), whose rows have no fault."""
    users, items = _vocabulary(connection, "user"), _vocabulary(connection, "item")
    numbered = connection.execute(
        "SELECT rated.rowid AS place, users.number AS user_row, items.number AS item_row FROM rated "
        "JOIN users ON rated.user_id = users.id JOIN items ON rated.item_id = items.id"
    ).fetchnumpy()
    place = numbered.pop("place")  # a join does not keep the order
    user, item = np.empty(len(place), np.int32), np.empty(len(place), np.int32)
    user[place], item[place] = numbered.pop("user_row"), numbered.pop("item_row")
    rest = connection.execute(f"SELECT rating{', time' if timed else ''} FROM rated ORDER BY rowid").fetchnumpy()
    return EncodedRatings(users, items, user, item, rest["rating"], to_seconds(rest["time"]) if timed else None)


def _numbered(connection: duckdb.DuckDBPyConnection, source: SqlScan) -> EncodedRatings | None:
    timed = ', "time"' if "time" in source.types else ""
    columns: dict[str, Any] = connection.execute(
        f"SELECT {source.id_number('user')} AS user_id, {source.id_number('item')} AS item_id, "
        f"{source.rating} AS rating{f', {source.time} AS time' if timed else ''} FROM ({source.sql})"
    ).fetchnumpy()
    if any(isinstance(column, np.ma.MaskedArray) for column in columns.values()) or not len(columns["rating"]):
        return None
    user, item = columns.pop("user_id"), columns.pop("item_id")
    if min(user.min(), item.min()) < 0 or not np.isfinite(columns["rating"]).all():
        return None
    users, user = encode_integer_ids(user, "user")
    items, item = encode_integer_ids(item, "item")
    return EncodedRatings(users, items, user, item, columns["rating"], to_seconds(columns["time"]) if timed else None)


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


def to_seconds(time: Times) -> Times:
    """(n,) seconds since 1970 of times counted in seconds, milliseconds, microseconds or nanoseconds."""
    latest = int(time.max()) if len(time) else 0
    divisor = next((divisor for least, divisor in UNITS if latest >= least), 1)
    return time if divisor == 1 else time // divisor


def _strings(texts: list[str]) -> Strings:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
