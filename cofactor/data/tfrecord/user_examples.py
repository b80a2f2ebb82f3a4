"""Ratings as TFRecord records: one tf.train.Example for each user, which contains the user's id.

user_id    one text
item_ids   texts
ratings    floats, one for each item: float32, as they are
times      integers, one for each item: seconds since 1970, or microseconds where one has a part of a second; the
           feature is absent where there are no times

A user is one record, so ratings go by their ids and never by the order of records. Users are in the order of their ids,
a user's ratings in the order of the table.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from cofactor.arrays import Array, Rows, Times
from cofactor.data.ratings import Ratings
from cofactor.data.reading.columns import REQUIRED, ROLES, check_columns, find_columns
from cofactor.data.reading.load_rows import EncodedRatings
from cofactor.data.reading.meaning.time_rules import SECOND, UNITS, numbers_to_seconds
from cofactor.data.tfrecord import example
from cofactor.data.tfrecord.example import BYTES, FLOATS, INTEGERS, NOTHING, Span
from cofactor.data.tfrecord.record_files import FOREIGN, Record, read_records
from cofactor.data.tfrecord.varints import pack_varints, unpack_varints
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, error_context
from cofactor.ids import check_id

NAMES = {"user": "user_id", "item": "item_ids", "rating": "ratings", "time": "times"}
KINDS = {BYTES: "bytes", FLOATS: "floats", INTEGERS: "integers"}
ALLOWED = {
    "user": (BYTES, INTEGERS, NOTHING),
    "item": (BYTES, INTEGERS, NOTHING),
    "rating": (FLOATS, INTEGERS, NOTHING),
    "time": (INTEGERS, NOTHING),
}
CHUNK = 1 << 18  # ratings encoded at a time
FLUSH = 1 << 20  # ratings whose numbers are put into arrays at a time


def encode_examples(ratings: Ratings) -> Iterator[list[bytes]]:
    """Yields lists of Examples, one for each user with ratings; a list has about CHUNK ratings, which bounds memory."""
    users, items = _encoded(ratings.users), _encoded(ratings.items)
    by_user = ratings.user
    order = None if (by_user[1:] >= by_user[:-1]).all() else np.argsort(by_user, kind="stable")
    counts = np.bincount(by_user, minlength=len(users))
    present = np.flatnonzero(counts)
    ends = np.cumsum(counts[present])
    first = 0
    while first < len(present):
        begin = int(ends[first - 1]) if first else 0
        stop = max(first + 1, int(np.searchsorted(ends, begin + CHUNK, side="right")))
        here = slice(begin, int(ends[stop - 1]))
        rows: Array | slice = here if order is None else order[here]
        bounds = np.concatenate(([0], ends[first:stop] - begin))
        yield _examples([users[user] for user in present[first:stop].tolist()], items, ratings, rows, bounds)
        first = stop


def read_examples(
    paths: Sequence[Path], columns: Mapping[str, str] | None = None, *, exported: bool = False
) -> tuple[EncodedRatings, list[int]]:
    """The ratings of TFRecord files, in the order of records, and the number of records in each file.

    Features are found by the names above, by common names or by `columns`, like the columns of a table. Ids and ratings
    may be integers. exported: whether the files are an export. Raises BadData with the file and the record.
    """
    table, records = _ExampleColumns(columns), []
    for path in paths:
        number = 0
        for record in read_records(path):
            try:
                table.add(record)
            except BadData as error:
                hint = error.hint or "check that it is a tf.train.Example of one user"
                raise BadData(f"{path}: {record.place}: {error.message}", hint) from None
            number = record.number
        records.append(number)
    with error_context(str(paths[0] if len(paths) == 1 else paths[0].parent)):
        return table.loaded(exported=exported), records


class _IdNumbers(dict[bytes, int]):
    """Numbers of ids in the order of their first occurrence."""

    def __missing__(self, raw: bytes) -> int:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise BadData(f"an id that is not UTF-8: {raw[:40]!r}", "ids are text or whole numbers") from None
        check_id(text)
        number = self[raw] = len(self)
        return number

    def rows(self, noun: str) -> tuple[Vocabulary, Rows]:
        """The vocabulary of the ids, and the row of each in the order of first occurrence."""
        texts = [raw.decode() for raw in self]
        known = Vocabulary.of(texts, noun)
        return known, known.rows(texts)


class _ExampleColumns:
    """Columns of ratings that grow record by record."""

    def __init__(self, columns: Mapping[str, str] | None) -> None:
        self.columns = check_columns(columns)
        self.names: dict[str, str] | None = None  # role -> feature, found in the first record
        self.users, self.items = _IdNumbers(), _IdNumbers()
        self.user, self.count = array("i"), array("q")  # a record
        self.value = bytearray()  # a rating
        self.item, self.items_before = list[int](), list[Rows]()
        self.packed, self.times = bytearray(), list[Times]()

    def add(self, record: Record) -> None:
        """Adds the ratings of one record."""
        spans = example.find_features(record.data)
        if self.names is None:
            self.names = _names(list(spans), self.columns)
        if ("time" not in self.names) and NAMES["time"] in spans and "time" not in self.columns:
            raise BadData(f"{NAMES['time']} in it, and none in the records before", "read without: --column time=")
        items = _ids(*self._values(record.data, spans, "item"))
        users = _ids(*self._values(record.data, spans, "user", 1))
        values = _floats(*self._values(record.data, spans, "rating", len(items)))
        if "time" in self.names:
            self.packed += self._values(record.data, spans, "time", len(items))[1]  # type: ignore[arg-type]  # INTEGERS
        self.user.append(self.users[users[0]])
        self.item.extend(map(self.items.__getitem__, items))
        self.value += values
        self.count.append(len(items))
        if len(self.item) > FLUSH:
            self._flush()

    def loaded(self, *, exported: bool) -> EncodedRatings:
        """All of them as columns."""
        self._flush()
        if not self.value:
            raise BadData("there are no ratings in it", "its records have no items, or it has no records")
        users, user_rows = self.users.rows("user")
        items, item_rows = self.items.rows("item")
        user = np.repeat(user_rows[np.frombuffer(self.user, np.int32)], np.frombuffer(self.count, np.int64))
        item, value = item_rows[np.concatenate(self.items_before)], np.frombuffer(self.value, "<f4").astype(np.float32)
        time = np.concatenate(self.times) if self.times else None
        if not (user[1:] >= user[:-1]).all():
            order = np.argsort(user, kind="stable")
            user, item, value = user[order], item[order], value[order]
            time = None if time is None else time[order]
        seconds = None if time is None else numbers_to_seconds(time, exported=exported)
        return EncodedRatings(users, items, user, item, value, seconds)

    def _values(
        self, data: bytes, spans: Mapping[str, Span], role: str, wanted: int | None = None
    ) -> tuple[int, list[bytes] | bytes]:
        """The kind and the list of the feature of a role, which must have `wanted` values."""
        assert self.names is not None
        name = self.names[role]
        if name not in spans:
            hint = "to read without the times: --column time=" if role == "time" else ""
            raise BadData(f"no feature {name!r} in it", hint)
        kind, values = example.read_values(data, spans[name])
        if kind not in ALLOWED[role]:
            allowed = " or ".join(KINDS[one] for one in ALLOWED[role] if one)
            raise BadData(f"feature {name!r} is a list of {KINDS[kind]}", f"for the {role} it would be of {allowed}")
        n = example.count_values(kind, values)
        if wanted is not None and n != wanted:
            hint = "a record is one user" if role == "user" else "each item has one of them"
            raise BadData(f"{n:,} values of {name!r} instead of {wanted:,}", hint)
        return kind, values

    def _flush(self) -> None:
        self.items_before.append(np.array(self.item, dtype=np.int32))
        self.item.clear()
        if self.packed:
            self.times.append(unpack_varints(self.packed))
            self.packed = bytearray()


def _examples(
    users: Sequence[bytes], items: Sequence[bytes], ratings: Ratings, rows: Array | slice, bounds: Array
) -> list[bytes]:
    """The Examples of some users; each has the ratings of `rows` between two successive bounds."""
    rated = [items[item] for item in ratings.item[rows].tolist()]
    values = ratings.value[rows].astype("<f4").tobytes()
    times, begins = (b"", bounds) if ratings.time is None else pack_varints(_integers(ratings.time[rows]))
    begins = begins if ratings.time is None else begins[bounds]
    edges = zip(bounds[:-1].tolist(), bounds[1:].tolist(), begins[:-1].tolist(), begins[1:].tolist(), strict=True)
    made = []
    for user, (a, b, first, last) in zip(users, edges, strict=True):
        features = example.encode_feature(NAMES["item"], BYTES, b"".join(rated[a:b]))
        features += example.encode_feature(NAMES["rating"], FLOATS, example.encode_value(values[4 * a : 4 * b]))
        if ratings.time is not None:
            features += example.encode_feature(NAMES["time"], INTEGERS, example.encode_value(times[first:last]))
        made.append(example.encode_example(features + example.encode_feature(NAMES["user"], BYTES, user)))
    return made


def _integers(time: Times) -> Times:
    """Times as integers that `numbers_to_seconds` understands."""
    if time.dtype.kind != "f":
        return time
    if time.min() < UNITS["us"][0] / SECOND:
        raise BadData(f"time {time.min()} cannot be written to the microsecond", "leave out the times before 1973")
    microseconds: Times = np.rint(time * SECOND).astype(np.int64)
    return microseconds


def _encoded(ids: Vocabulary) -> list[bytes]:
    """Each id as a value of a BytesList."""
    try:
        return [example.encode_value(id_.encode()) for id_ in ids.ids.tolist()]
    except UnicodeEncodeError as error:
        raise BadData(f"{ids.noun} id {error.object!r} is not Unicode text", "give it another id") from None


def _names(names: list[str], columns: Mapping[str, str]) -> dict[str, str]:
    """The feature of each role: the one named, one with our name, or one with a common name."""
    if not names:
        raise BadData("no features in it", FOREIGN)
    ours = {role: name for role, name in NAMES.items() if name in names}
    found = find_columns(names, {**ours, **columns}, REQUIRED)
    return {role: names[found[role]] for role in ROLES if role in found}


def _ids(kind: int, values: list[bytes] | bytes) -> list[bytes]:
    if isinstance(values, list):
        return values
    return [str(number).encode() for number in unpack_varints(values).tolist()] if kind == INTEGERS else []


def _floats(kind: int, values: list[bytes] | bytes) -> bytes:
    """Little-endian float32; raises BadData for what is no finite number."""
    assert isinstance(values, bytes)
    if kind == INTEGERS:
        return unpack_varints(values).astype("<f4").tobytes()
    finite = np.isfinite(np.frombuffer(values, "<f4"))
    if not finite.all():
        raise BadData(f"a rating of {np.frombuffer(values, '<f4')[~finite][0]}", "ratings are finite numbers")
    return values
