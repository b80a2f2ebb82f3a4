"""Reads JSON: lines of objects, an array of objects, and documents of columns as pandas writes them.

Lines and arrays are read by DuckDB, record by record. A document is read as a whole, so its size is bounded, and is
written as lines. Names of nested members are joined by dots.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import duckdb
import orjson

from cofactor.data.duckdb_connection import quoted, quoted_name, quoted_path
from cofactor.data.reading.columns import PAIR, find_columns
from cofactor.errors import BadData

HEAD = 1 << 16
MAX_RECORD = 1 << 24  # bytes of a record
MAX_DOCUMENT = 1 << 28  # bytes of a document that is read as a whole; it takes about ten times as much memory
MAX_NAMES = 2_000
MAX_DEPTH = 4
SAMPLE = 100  # records that are looked at for names
BROKEN = 'check that the file is whole: each record is an object such as {"user": 1, "item": 2, "rating": 4.5}'

LINE_ENDS = {ord("\n"): "\v", ord("\r"): "\v"}
LONG_INTEGER = re.compile(rb"\d{19}")  # which orjson may make a float

JsonForm = Literal["newline_delimited", "array", "unstructured", "document"]


def is_json(head: bytes) -> bool:
    """Whether a file begins like JSON: with an object or an array."""
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:200].replace(b" ", b"").replace(b"\n", b"").replace(b"\r", b"")
    return start.startswith((b'{"', b"{}", b"[{", b"[[", b"[]"))


def find_form(path: Path) -> JsonForm:
    """How the records of a JSON file are written."""
    with path.open("rb") as file:
        first = file.read(HEAD).removeprefix(codecs.BOM_UTF8).lstrip()
        if first[:1] == b"[":
            return "array" if first[1:].lstrip()[:1] == b"{" else "document"
        file.seek(0)
        line = file.readline(MAX_RECORD).removeprefix(codecs.BOM_UTF8)
        while line and not line.strip():
            line = file.readline(MAX_RECORD)
        more = file.read(HEAD).strip()
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "document" if len(line) == MAX_RECORD or _is_one_document(path) else "unstructured"
    return "document" if not more and _holds_table(record) else "newline_delimited"


def json_query(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[Path],
    form: JsonForm,
    columns: Mapping[str, str] | None = None,
    roles: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """SQL for the records of one or more files, all columns as text, and their names.

    The first records give the names, and all records where one of `roles` is not among these. An object or an array in
    a column that is not nested further is NULL. Raises BadData for JSON that is damaged.
    """
    listed = ", ".join(map(quoted_path, paths))
    source = (
        f"read_json_objects([{listed}], format={quoted(form)}, maximum_object_size={MAX_RECORD}, "
        "hive_partitioning=false, compression=none)"
    )
    try:
        sample = connection.execute(f"SELECT CAST(json AS VARCHAR) FROM {source} LIMIT {SAMPLE}").fetchall()
    except duckdb.Error as error:
        raise BadData(f"JSON that cannot be read: {_without_paths(error)}", BROKEN) from None
    names: dict[str, str] = {}
    records = [_parsed(record) for (record,) in sample]
    for parsed in records:
        if not isinstance(parsed, dict):
            raise BadData("JSON whose records are no objects", BROKEN)
        names |= {name: pointer for name, pointer in _members(parsed) if name not in names}
    if not names:
        raise BadData("JSON without a record", "the file has no ratings in it")
    if roles and not _has_roles(names, columns, roles):
        names |= _later_names(connection, source, names)
    if roles:
        _refuse_arrays(records, names, columns)
    if len(names) > MAX_NAMES:
        raise BadData(f"JSON objects with more than {MAX_NAMES:,} names: a wide table?", BROKEN)
    cells = (
        f"CASE WHEN json_type(json, {quoted(pointer)}) IN ('OBJECT', 'ARRAY') THEN NULL "
        f"ELSE json_extract_string(json, {quoted(pointer)}) END AS {quoted_name(name)}"
        for name, pointer in names.items()
    )
    return f"SELECT {', '.join(cells)} FROM {source}", list(names)


def _refuse_arrays(
    records: Sequence[Mapping[str, Any]], names: Mapping[str, str], columns: Mapping[str, str] | None
) -> None:
    """Raises BadData for a column of a role that holds arrays, which have no single value in a row."""
    for role, place in find_columns(list(names), columns, ()).items():
        name = list(names)[place]
        values = [record[name] for record in records if record.get(name) is not None]
        if values and all(isinstance(value, list) for value in values):
            raise BadData(
                f"column {name[:40]!r} for the {role} holds arrays",
                f"write the table with one value in each row, or name another column: --columns {role}=NAME",
            )


def _later_names(
    connection: duckdb.DuckDBPyConnection, source: str, names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Names of members of any record, with their pointers, that the first records do not have, in order."""
    known = {name.partition(".")[0] for name in names}
    keys = f"SELECT DISTINCT unnest(json_keys(json)) AS name FROM {source} LIMIT {2 * MAX_NAMES}"
    try:
        found = connection.execute(f"SELECT name FROM ({keys}) ORDER BY name").fetchall()
    except duckdb.Error:  # a damaged record, which is named when it is read
        return iter(())
    return iter([*_members({name: None for (name,) in found if name not in known})])


def write_document(path: Path, into: Path, columns: Mapping[str, str] | None) -> bool:
    """Writes the records of a JSON document to a file of JSON lines, or its rows to one of CSV; whether it is CSV.

    Rows are arrays, with or without one of names. Raises BadData for a document that is damaged, too large, or holds no
    records.
    """
    size = path.stat().st_size
    if size > MAX_DOCUMENT:
        raise BadData(
            f"a JSON document of {size:,} bytes, {MAX_DOCUMENT:,} are allowed",
            "write it as JSON lines: frame.to_json(FILE, orient='records', lines=True)",
        )
    document = _parsed(path.read_bytes())
    if isinstance(document, list):
        try:
            with into.open("w", newline="", encoding="utf-8") as text:
                csv.writer(text, quoting=csv.QUOTE_ALL).writerows(_row_texts(document))
        except UnicodeEncodeError:
            raise BadData("JSON with text that is no Unicode (half of a pair of surrogates)", BROKEN) from None
        return True
    with into.open("wb") as file:
        for record in _records(document, columns):
            file.write(_dumped(record) + b"\n")
    return False


def _records(document: Any, columns: Mapping[str, str] | None) -> Iterable[dict[str, Any]]:
    if isinstance(document.get("data"), list) and isinstance(document.get("columns"), list):
        return _of_rows([document["columns"], *document["data"]])
    if not any(isinstance(value, dict | list) for value in document.values()):
        return [document]
    if _has_roles(document, columns):
        return _of_columns(document)
    tables = [value for value in document.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
    fitting = [table for table in tables if _has_roles(dict(_members(table[0])), columns)]
    if len(fitting or tables) == 1:
        return (fitting or tables)[0]
    shown = ", ".join(repr(name[:40]) for name in list(document)[:6])
    if all(isinstance(value, dict) for value in document.values()):
        rows = list(document.values())
        if _has_roles(dict(_members(rows[0])), columns):
            return rows
        raise BadData(f"JSON objects in an object ({shown}), which do not say what they are", BROKEN)
    raise BadData(f"a JSON document of {shown} in which no table of ratings is found", BROKEN)


def _row_texts(rows: list[Any]) -> Iterator[list[str]]:
    """The cells of rows as text."""
    if not all(isinstance(row, list) for row in rows):
        raise BadData("a JSON array that holds neither objects nor arrays alone", BROKEN)
    for number, row in enumerate(rows, start=1):
        if any(isinstance(cell, list | dict) for cell in row):
            raise BadData(f"row {number:,} of the JSON array has an array or an object in it", BROKEN)
        yield [_cell_text(cell) for cell in row]


def _cell_text(cell: Any) -> str:
    """A cell as text on one line: an id with a line end is one with a control character, which is no id."""
    if cell is None or cell != cell:
        return ""
    return json.dumps(cell) if isinstance(cell, bool) else str(cell).translate(LINE_ENDS)


def _of_rows(rows: list[Any]) -> Iterator[dict[str, Any]]:
    """Records of arrays, of which the first holds the names."""
    if not all(isinstance(row, list) for row in rows):
        raise BadData("a JSON array that holds neither objects nor arrays alone", BROKEN)
    names = [str(name) for name in rows[0]]
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != len(names):
            raise BadData(f"row {number:,} of the JSON array has {len(row)} cells instead of {len(names)}", BROKEN)
        yield dict(zip(names, row, strict=True))


def _of_columns(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Records of columns, each an array of values or an object of values by row."""
    table = {name: column for name, column in document.items() if isinstance(column, dict | list)}
    kinds = {type(column) for column in table.values()}
    lengths = {len(column) for column in table.values()}
    if len(kinds) > 1 or len(lengths) > 1:
        raise BadData("a JSON document whose columns have different lengths or forms", BROKEN)
    rows: Iterable[Any] = next(iter(table.values())) if kinds == {dict} else range(lengths.pop())
    for row in rows:
        try:
            yield {name: column[row] for name, column in table.items()}
        except KeyError:
            raise BadData(f"a JSON document whose columns have different rows: {row!r}", BROKEN) from None


def _has_roles(names: Mapping[str, Any], columns: Mapping[str, str] | None, roles: Sequence[str] = PAIR) -> bool:
    """Whether names have columns for all the roles, but for those that are chosen to be left out."""
    try:
        found = find_columns(list(names), columns)
    except BadData:
        return False
    return all(role in found or (columns or {}).get(role) == "" for role in roles)


def _members(record: Mapping[str, Any], name: str = "", pointer: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Names and JSON pointers of the values in an object and in the objects in it."""
    for key, value in record.items():
        joined = key if not name else name if key.startswith("$") and len(record) == 1 else f"{name}.{key}"
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
            yield from _members(value, joined, place, depth + 1)
        else:
            yield joined, place


def _dumped(record: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # an integer of more than 64 bits, or text that is no Unicode, of which DuckDB says so
        return json.dumps(record).encode()


def _parsed(text: str | bytes) -> Any:
    if isinstance(text, str) or not LONG_INTEGER.search(text):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(text)  # which knows NaN, as Python and pandas write it
    except (ValueError, RecursionError) as error:
        raise BadData(f"JSON that cannot be read: {error}", BROKEN) from None


def _holds_table(record: Any) -> bool:
    """Whether an object is a table by itself: columns, or an array of records in it."""
    if not isinstance(record, dict):
        return True
    values = list(record.values())
    records = any(isinstance(value, list) and value and isinstance(value[0], dict | list) for value in values)
    return records or (bool(values) and all(isinstance(value, dict | list) for value in values))


def _is_one_document(path: Path) -> bool:
    """Whether a file whose first line is no record is one JSON value, of a size that can be read as a whole."""
    if path.stat().st_size > MAX_DOCUMENT:
        return False
    try:
        orjson.loads(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except orjson.JSONDecodeError:
        return False
    return True


def _without_paths(error: duckdb.Error) -> str:
    return re.sub(r' in file "[^"]*"', "", str(error).partition("\n")[0])[:200]
