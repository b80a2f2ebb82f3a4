"""Reads wide tables: a row for each user, a column for each item, a rating or nothing in each cell."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import quoted, quoted_name
from cofactor.data.reading.columns import COMMON_NAMES, plain_name
from cofactor.data.reading.formats.number_text import is_number
from cofactor.data.reading.formats.text_dialect import BLANKS, split_line
from cofactor.data.reading.formats.text_head import open_text
from cofactor.errors import BadData

DELIMITERS = (",", ";", "\t", "|")
EMPTY = frozenset(("", "nan", "na", "n/a", "null", "none", "\\n", "<na>"))  # cells without a rating, in lower case
INDEX_NAMES = frozenset(("", "unnamed0", "index", "id", "rowname", "rownames"))
SAMPLE = 200  # rows that are looked at
SAMPLE_CELLS = 2_000_000
MIN_SAMPLE = 4
MAX_COLUMNS = 1_000_000
MAX_COLUMNS_QUERIED = 10_000
MAX_LINE = 1 << 26  # characters
SAY = "say which column holds the ids of users, or none: --columns user=1, --columns user= (columns={'user': '1'})"


@dataclass(frozen=True)
class WideForm:
    """What the columns of a wide table are.

    delimiter, header: of the text. width: cells of a row. ids: the place of the ids of the rows; None where rows have
    numbers from 1. names: the names of the columns, by place. transposed: rows are items and columns users.
    """

    delimiter: str
    header: bool
    width: int
    ids: int | None
    names: Sequence[str]
    transposed: bool = False
    left_out: int | None = None  # the place of a column of counts

    @property
    def role_names(self) -> tuple[str, str, str]:
        """The names of the columns of the id of a row, the name of a column, and the value of a cell."""
        return ("item", "user", "rating") if self.transposed else ("user", "item", "rating")

    @property
    def places(self) -> list[int]:
        """The places of the columns that hold ratings."""
        return [place for place in range(self.width) if place not in (self.ids, self.left_out)]

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the form."""
        notes = []
        if self.ids is None:
            notes.append("rows of the wide table have no ids: users are called by their row, from 1")
        if self.left_out is not None:
            notes.append("the first column counts the ratings of a row, and is no rating")
        return tuple(notes)


def write_wide_as_table(
    path: Path, into: Path, columns: Mapping[str, str] | None, missing: Collection[str], delimiter: str | None = None
) -> WideForm:
    """Writes a row `user,item,rating` for each cell of a wide table that holds a rating.

    columns: {"user": …} is the name or the number of the column of ids, or "" for none. missing: values, besides
    empty cells, that are no rating. Raises BadData for a row of another length, and where the ids are in doubt.
    """
    with _opened(path) as text:
        lines = _lines(text)
        first = next((line for line in lines if line.strip()), "")
        if not first:
            raise BadData("the file is empty", "a wide table has a row for each user")
        delimiter = delimiter or max(DELIMITERS, key=first.count)
        delimiter = delimiter if delimiter in first else BLANKS
        width = len(split_line(first, delimiter))
        if width > MAX_COLUMNS:
            raise BadData(f"{width:,} columns, {MAX_COLUMNS:,} are allowed", "write it as rows of user, item, rating")
        rows = _split(chain([first], lines), delimiter)
        few = max(MIN_SAMPLE, min(SAMPLE, SAMPLE_CELLS // width))
        sample = list(islice((row for row in rows if any(row)), few))
        left_out = frozenset(_plain(value) for value in missing)
        form = _find_form(sample, delimiter, columns or {}, left_out)
        with into.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(form.role_names)
            out.writerows(_cells(chain(sample, rows), form, left_out))
    return form


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    try:
        with open_text(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
            yield text
    except UnicodeDecodeError:
        raise BadData("not UTF-8 text", "save the file as UTF-8") from None
    except csv.Error as error:
        raise BadData(f"a wide table that cannot be read: {error}", "correct it") from None


def _split(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    if len(delimiter) == 1 and delimiter != BLANKS:
        return csv.reader(lines, delimiter=delimiter)
    return (split_line(line.rstrip("\r\n"), delimiter) for line in lines)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE:
            raise BadData(f"line {number:,} has more than {MAX_LINE:,} characters", "is it a table of text?")
        yield line


def _cells(rows: Iterable[Sequence[str]], form: WideForm, missing: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """The id of the row, the name of the column and the text of each cell that is not empty."""
    places = form.places
    number = 0
    for line, row in enumerate(rows, start=1):
        if (line == 1 and form.header) or not any(row):
            continue
        number += 1
        if len(row) != form.width:
            raise BadData(f"row {line:,} has {len(row):,} cells instead of {form.width:,}", "correct it")
        id_ = str(number) if form.ids is None else row[form.ids]
        for place in places:
            if row[place] and (plain := _plain(row[place])) not in EMPTY and plain not in missing:
                yield id_, form.names[place], row[place]


def wide_query(
    connection: duckdb.DuckDBPyConnection, query: str, columns: Mapping[str, str] | None, missing: Collection[str]
) -> str:
    """SQL for the rows `user, item, rating` of a wide table that an SQL query gives, with names and types.

    The ids are in the column named for the user in `columns`, or in one with a usual name. Raises BadData where there
    is none, and for a column that holds no numbers.
    """
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    names = [str(row[0]) for row in described]
    known = (*COMMON_NAMES["user"], "id", "index", "indexlevel0")
    usual = (name for one in known for name in names if plain_name(name) == one)
    ids = _chosen(names, columns["user"]) if columns and "user" in columns else names.index(next(usual, names[0]))
    if ids is None or (plain_name(names[ids]) not in known and not (columns and "user" in columns)):
        raise BadData("a wide table without a column of ids of users", SAY)
    items = [name for place, name in enumerate(names) if place != ids]
    if len(items) > MAX_COLUMNS_QUERIED or not items:
        raise BadData(f"a wide table of {len(items):,} items", f"it has 1 to {MAX_COLUMNS_QUERIED:,} columns")
    cells = ", ".join(f"CAST({quoted_name(name)} AS VARCHAR) AS {quoted_name(name)}" for name in items)
    left_out = ", ".join(quoted(value) for value in (*EMPTY, *(_plain(value) for value in missing)))
    return (
        f"SELECT row_id AS user, item, rating FROM (UNPIVOT (SELECT {quoted_name(names[ids])} AS row_id, {cells} "
        f"FROM ({query})) ON {', '.join(quoted_name(name) for name in items)} INTO NAME item VALUE rating) "
        f"WHERE regexp_replace(lower(trim(rating)), '(\\.[0-9]*[1-9])0+$|\\.0*$', '\\1') NOT IN ({left_out})"
    )


def _find_form(
    rows: Sequence[Sequence[str]], delimiter: str, columns: Mapping[str, str], missing: frozenset[str]
) -> WideForm:
    if not rows or len(rows[0]) < 2:
        raise BadData("no wide table: it has one column", "give its delimiter: --delimiter ';' (delimiter=';')")
    header = _is_header(rows[0])
    body = rows[1:] if header else rows
    if not body:
        raise BadData("nothing but a header", "the file has no ratings in it")
    width = len(body[0])
    names = [name.strip() for name in rows[0]] if header else [str(number) for number in range(1, width + 1)]
    names = ["", *names] if len(names) == width - 1 else names  # as R writes it
    if len(names) != width:
        raise BadData(f"{len(names):,} names for {width:,} columns", "correct the header")
    whole = [row for row in body if len(row) == width]
    if "user" in columns:
        ids, counts = _chosen(names, columns["user"]), None
    else:
        ids, counts = _find_ids(names[0] if header else None, names, whole, missing)
    if not header:
        names = _numbered(width, (ids, counts))
    repeated = [name for name, n in Counter(names).items() if n > 1 and name]
    if repeated:
        raise BadData(f"{names.count(repeated[0])} columns are called {repeated[0][:40]!r}", "give each its own name")
    transposed = header and ids is not None and plain_name(names[ids]) in {*COMMON_NAMES["item"], "title", "name"}
    return WideForm(delimiter, header, width, ids, names, transposed, counts)


def _is_header(first: Sequence[str]) -> bool:
    """Whether the first row holds names: text, or the numbers of the columns in order."""
    if any(not is_number(cell) and _plain(cell) not in EMPTY for cell in first) or not first[0].strip():
        return True
    return list(first) in ([str(n + start) for n in range(len(first))] for start in (0, 1))


def _find_ids(
    first: str | None, names: Sequence[str], rows: Sequence[Sequence[str]], missing: frozenset[str]
) -> tuple[int | None, int | None]:
    """The place of the ids, and of a column that counts the ratings of a row; raises BadData where it is in doubt."""
    column = [row[0].strip() for row in rows]
    known = {*COMMON_NAMES["user"], *COMMON_NAMES["item"], *INDEX_NAMES}
    if first is not None and plain_name(first) in known and not first.isdigit():
        return 0, None
    if not all(is_number(cell) for cell in column):
        return 0, None
    rated = [sum(_plain(cell) not in EMPTY and _plain(cell) not in missing for cell in row[1:]) for row in rows]
    if [float(cell) for cell in column] == rated and len(rows) > 2:
        return None, 0
    if value := _filler(rows, [float(cell) for cell in column]):
        raise BadData(
            f"the first column counts the cells of a row that are not {value}: it means no rating",
            f"leave such cells out: --missing {value} (missing={value})",
        )
    if column in ([str(n + start) for n in range(len(rows))] for start in (0, 1)) and len(rows) > 2:
        return 0, None
    others = {_plain(cell) for row in rows for cell in row[1:]}
    if len(set(column)) < len(column) or (first is not None and first.isdigit()):
        return None, None
    if not set(column) & others:
        return 0, None
    raise BadData(f"the first column ({', '.join(column[:3])} …) may hold ids of users or ratings", SAY)


def _filler(rows: Sequence[Sequence[str]], counts: Sequence[float]) -> str | None:
    """The value of cells without a rating, where the first column counts the other cells of a row."""
    value = Counter(cell.strip() for row in rows for cell in row[1:]).most_common(1)[0][0]
    found = [sum(cell.strip() != value and _plain(cell) not in EMPTY for cell in row[1:]) for row in rows]
    return value if len(rows) > 2 and found == counts and any(found) else None


def _numbered(width: int, taken: tuple[int | None, ...]) -> list[str]:
    """Names of columns without a header: numbers from 1, of those that hold ratings."""
    numbers = iter(range(1, width + 1))
    return ["" if place in taken else str(next(numbers)) for place in range(width)]


def _chosen(names: Sequence[str], name: str) -> int | None:
    if not name:
        return None
    if name in names:
        return list(names).index(name)
    if name.isdigit() and 1 <= int(name) <= len(names):
        return int(name) - 1
    raise BadData(f"no column {name[:40]!r} in the wide table", SAY)


def _plain(cell: str) -> str:
    """A cell without blanks and case; 99.00 and 99 are the same."""
    text = cell.strip().casefold()
    return text.rstrip("0").rstrip(".") if "." in text and is_number(text) else text
