"""Rows that cannot be used: found one by one, named in an error or left out and written to a file."""

import csv
import gzip
import io
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cofactor.data.columns import ROLES
from cofactor.data.database import quoted
from cofactor.data.delimited import Form, open_text
from cofactor.data.loading import Loaded, load_table
from cofactor.data.source import TEXT, Source
from cofactor.errors import BadData

NAMED = 3  # culprits that an error names
QUOTED_LINES = 100  # a quoted cell may run over so many lines
RECORD = ("line", "raw", "fault", *ROLES)

# The first of these that holds is what is wrong with a row. `{role}` shows the text of the cell, cut and in quotes.
FAULTS = (
    ("fault IS NOT NULL", "", "fault"),
    ("coalesce(trim(\"user\"), '') = ''", "user", "'no user id'"),
    ("coalesce(trim(item), '') = ''", "item", "'no item id'"),
    ("coalesce(trim(rating), '') = ''", "rating", "'no rating'"),
    ("TRY_CAST(rating AS DOUBLE) IS NULL", "rating", "'rating ' || {rating} || ' is not a number'"),
    ("NOT isfinite(TRY_CAST(rating AS FLOAT))", "rating", "'rating ' || {rating} || ' is not a finite number'"),
)
TIME_FAULTS = (
    ("coalesce(trim(\"time\"), '') = ''", "time", "'no time'"),
    ("{seconds} IS NULL", "time", "'time ' || {time} || ' is neither a number nor a date'"),
)
SECONDS = (
    'coalesce(TRY_CAST(TRY_CAST("time" AS DOUBLE) AS BIGINT), '
    'TRY_CAST(floor(epoch(TRY_CAST("time" AS TIMESTAMPTZ))) AS BIGINT))'
)


@dataclass(frozen=True)
class Rejected:
    """How many rows were left out, and where they were written."""

    count: int
    file: Path | None


def load_carefully(
    connection: duckdb.DuckDBPyConnection, source: Source, folder: Path, rejected: Path | None
) -> tuple[Loaded, Rejected]:
    """The ratings of a source with faults: those without, where the rest may be written to `rejected`.

    Raises BadData with the first culprits where it may not, and where nothing is left.
    """
    timed = "time" in source.types
    connection.execute("DROP TABLE IF EXISTS rated")
    connection.execute(f"CREATE TEMP TABLE judged AS {_judged(_records_of(source, folder), timed)}")
    counted = connection.execute("SELECT count(*), count(reason) FROM judged").fetchone()
    rows, faults = counted or (0, 0)
    if not rows:
        raise BadData("there are no ratings in it", "the file needs lines of user, item, rating")
    if faults and (rejected is None or faults == rows):
        raise _error(connection, source, faults, rows)
    if faults and rejected is not None:
        _write(connection, rejected)
    connection.execute("CREATE TEMP TABLE rated AS SELECT * EXCLUDE (line, raw, place, reason) FROM judged "
                       "WHERE reason IS NULL ORDER BY line")  # fmt: skip
    return load_table(connection, timed=timed), Rejected(faults, rejected if faults else None)


def _records_of(source: Source, folder: Path) -> str:
    """SQL of RECORD as text: the number of each line or row, its text, what is wrong with its form, its cells."""
    if source.text is not None:
        return write_records(*source.text, folder / "records.csv")
    as_text = {role: source.id_text(role) if role in ("user", "item") else _text(role) for role in source.types}
    cells = [f'{text} AS "{role}"' for role, text in as_text.items()]
    raw = " || ',' || ".join(f"coalesce({_text(role)}, '')" for role in source.types)
    untimed = "" if "time" in source.types else ', NULL::VARCHAR AS "time"'
    return (
        f"SELECT row_number() OVER () AS line, {raw} AS raw, NULL::VARCHAR AS fault, {', '.join(cells)}{untimed} "
        f"FROM ({source.scan})"
    )


def _text(role: str) -> str:
    return f'CAST("{role}" AS {TEXT})'


def _judged(records: str, timed: bool) -> str:
    faults = FAULTS + (TIME_FAULTS if timed else ())
    shown = {role: f"'''' || left(\"{role}\", 40) || ''''" for role in ROLES}
    conditions = [condition.format(seconds=SECONDS) for condition, _, _ in faults]
    place = " ".join(f"WHEN {held} THEN '{role}'" for held, (_, role, _) in zip(conditions, faults, strict=True))
    reason = " ".join(
        f"WHEN {held} THEN {why.format(**shown)}" for held, (_, _, why) in zip(conditions, faults, strict=True)
    )
    return (
        f'SELECT line, raw, CASE {place} END AS place, CASE {reason} END AS reason, trim("user") AS user_id, '
        f"trim(item) AS item_id, TRY_CAST(rating AS FLOAT) AS rating, "
        f'{SECONDS if timed else "NULL::BIGINT"} AS "time" FROM ({records})'
    )


def _error(connection: duckdb.DuckDBPyConnection, source: Source, faults: int, rows: int) -> BadData:
    unit = "line" if source.text else "row"
    first = connection.execute(
        f"SELECT line, place, reason FROM judged WHERE reason IS NOT NULL ORDER BY line LIMIT {NAMED}"
    ).fetchall()
    named = "; ".join(f"{unit} {line:,}: {_on_one_line(reason)}" for line, _, reason in first)
    more = f"; and {faults - len(first):,} more" if faults > len(first) else ""
    hint = "mend them, or leave them out with --bad-rows skip (bad_rows='skip'), which writes them to a file"
    if faults == rows:
        named, hint = f"none of the {rows:,} {unit}s can be used: {named}", "is it a table of ratings?"
    if any("UTF-8" in reason for _, _, reason in first):
        hint = f"save the file as UTF-8 (iconv -f LATIN1 -t UTF-8); or {hint}"
    if all(place == "time" for _, place, _ in first):
        hint = f"to read without the times: --columns time= (columns={{'time': ''}}); or {hint}"
    return BadData(named + more, hint)


def _write(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("line", "column", "reason", "raw"))
            found = connection.execute(
                "SELECT line, place, reason, raw FROM judged WHERE reason IS NOT NULL ORDER BY line"
            )
            while some := found.fetchmany(10_000):
                out.writerows(some)
    except OSError as error:
        raise BadData(f"{path}: cannot write the bad rows there: {error.strerror}", "name another file") from error


def _on_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)


def write_records(path: Path, form: Form, into: Path) -> str:
    """Writes the RECORDs of a text file as CSV and gives the SQL that reads them."""
    try:
        with (
            open_text(path) as file,
            io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape") as text,
            into.open("w", newline="", encoding="utf-8") as out,
        ):
            csv.writer(out).writerows(records(text, form))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"a gzip file that is cut short or damaged ({error})", "fetch or make it again") from error
    names = ", ".join(f"'{name}': '{'BIGINT' if name == 'line' else TEXT}'" for name in RECORD)
    return (
        f"SELECT * FROM read_csv({quoted(str(into))}, delim=',', quote='\"', escape='\"', header=false, "
        f"auto_detect=false, columns={{{names}}})"
    )


def records(text: Iterable[str], form: Form) -> Iterator[tuple[object, ...]]:
    """The RECORDs of lines of text but for header and blank lines; a fault where the cells cannot be told.

    Bytes that are not UTF-8 stand in the text as lone surrogates.
    """
    positions = [form.where.get(role) for role in ROLES]
    lines = _Lines(text)
    header = form.header
    for number, line in lines:
        record = line.rstrip("\n")
        if not record.strip():
            continue
        if form.quote and record.count(form.quote) % 2:
            record = lines.joined(record, form)
        if header:
            header = False
            continue
        fault, cells = _cells(record, form)
        if fault is None:
            yield number, record, None, *(None if place is None else cells[place] for place in positions)
        else:
            yield number, _readable(record), fault, None, None, None, None


def _cells(text: str, form: Form) -> tuple[str | None, list[str]]:
    """What is wrong with the form of a record, and its cells."""
    if not text.isascii() and not _is_unicode(text):
        return "not UTF-8 text", []
    try:
        cells = form.cells(text)
    except csv.Error:
        return "a quote that is not closed", []
    if len(cells) != form.width:
        return f"{len(cells)} column{'s' * (len(cells) > 1)} instead of {form.width}", []
    return None, cells


class _Lines:
    """Numbered lines, of which some can be given back."""

    def __init__(self, text: Iterable[str]) -> None:
        self._lines = enumerate(text, start=1)
        self._returned: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._returned.popleft() if self._returned else next(self._lines)

    def joined(self, text: str, form: Form) -> str:
        """A line with an open quote and the lines up to its close; only the line where that makes no record."""
        taken: list[tuple[int, str]] = []
        whole = text
        while whole.count(form.quote) % 2 and len(taken) < QUOTED_LINES:
            following = next(self, None)
            if following is None:
                break
            taken.append(following)
            whole += "\n" + following[1].rstrip("\n")
        if _cells(whole, form)[0] is None:
            return whole
        self._returned.extendleft(reversed(taken))
        return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _readable(text: str) -> str:
    """The text, as Latin-1 where it is not UTF-8."""
    return text if _is_unicode(text) else text.encode("utf-8", "surrogateescape").decode("latin-1")
