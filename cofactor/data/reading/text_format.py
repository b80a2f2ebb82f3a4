"""Detects the dialect of a text file from its first lines: delimiter, quotes, header, and the column of each role."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from cofactor.data.reading.columns import REQUIRED, AmbiguousColumns, find_columns, has_known_name, plain_name
from cofactor.data.reading.formats.foreign_text import refuse_endless_lines, refuse_foreign_lines, refuse_foreign_text
from cofactor.data.reading.formats.matrix_market import check_matrix_market, is_matrix_market
from cofactor.data.reading.formats.number_text import is_number
from cofactor.data.reading.formats.text_dialect import AFTER_COMMENT, BLANKS, TextDialect, split_line
from cofactor.data.reading.formats.text_head import TextHead, read_head
from cofactor.data.reading.headerless_columns import find_columns_without_header, is_header_of_numbers
from cofactor.errors import BadData

DELIMITERS = ("::", "\t", ";", "|", ",", BLANKS)  # of two that fit equally well, the first
COMMENTS = ("#", "%")
TITLE_LINES = 20  # lines above a header, at most
SEPARATOR = re.compile(r"sep=(\S|\t)", re.IGNORECASE)  # the first line of a file from Excel
BACKSLASH = re.compile(r"""\\["'](?=[^"',;|\s])""")  # before a quote inside a cell
SINGLE_QUOTED = re.compile(r"\s*'[^']*'\s*(,|;|\||\t| |$)")

NO_NAMES = frozenset(("", "na", "n/a", "nan", "null", "none", r"\n"))  # of a missing value, above numbers


class Quoting(NamedTuple):
    """The quoting character, and the character before one in a quoted cell."""

    quote: str = '"'
    escape: str = '"'


STANDARD = Quoting()


@dataclass(frozen=True)
class Header:
    """A line of names: the index of the line, the delimiter, the names, and the position of each role."""

    index: int
    delimiter: str
    names: Sequence[str]
    where: Mapping[str, int]


def detect_dialect(path: Path, columns: Mapping[str, str] | None = None, delimiter: str | None = None) -> TextDialect:
    """The dialect of a file, with a `delimiter` that is known.

    Raises BadData for an empty or binary file, another encoding, a missing column, and a format that is no table.
    """
    head = read_head(path)
    lines = head.lines
    if sep := SEPARATOR.fullmatch(lines[0][1].strip(' \ufeff"')):
        delimiter, lines = delimiter or sep[1], lines[1:]
        if not lines:
            raise BadData("nothing but a line `sep=`", "the file has no ratings in it")
    if is_matrix_market(lines[0][1]):
        return _matrix_dialect(path, lines)
    numbers, texts = [number for number, _ in lines], [line for _, line in lines]
    refuse_foreign_lines(texts)
    refuse_endless_lines(texts)
    quoting = _find_quoting(texts)
    delimiters = (delimiter,) if delimiter else DELIMITERS
    comment = _find_comment(texts, delimiters, quoting)
    header = _find_header(texts, delimiters, quoting, comment, columns)
    if header is not None:
        below = _without_comments(texts[header.index + 1 :], comment)
        if not below:
            raise BadData("nothing but a header", "the file has no ratings in it")
        dialect = TextDialect(header.delimiter, True, numbers[header.index], len(header.names), header.where)
        dialect = replace(_quoted(dialect, quoting, texts), comment=comment, names=tuple(header.names))
        return _with_value_types(below, _with_extra_column(below, dialect))
    data = _without_comments(texts, comment)
    if not data:
        raise BadData("nothing but comments", "the file has no ratings in it")
    refuse_foreign_text(TextHead(tuple(line for line in lines if line[1] in data), head.whole), columns)
    found = _without_header(data, delimiters, quoting, columns)
    before = next(number for number, line in lines if line == data[0]) - 1
    return _with_value_types(data, replace(found, before=before, comment=comment))


def _matrix_dialect(path: Path, lines: Sequence[tuple[int, str]]) -> TextDialect:
    first = check_matrix_market(path, [line for _, line in lines])
    data = [line for _, line in lines[first:]]
    width = 2 if "pattern" in lines[0][1].casefold() else 3
    where = {role: place for place, role in enumerate(REQUIRED[:width])}
    dialect = TextDialect(BLANKS, False, lines[first - 1][0], width, where, quote="", comment="%")
    return _with_value_types(data, dialect)


def find_header(path: Path, ids: Collection[str]) -> tuple[int, str, list[str]]:
    """The number of lines before the header of a table, its delimiter and its names.

    The delimiter is the one that gives the most names, preferably with one of the plain names `ids`. Raises BadData
    for an empty or binary file and for another encoding.
    """
    number, line = read_head(path, "a header, and a row for each id").lines[0]
    headers = [(delimiter, _split(line, delimiter)) for delimiter in DELIMITERS if delimiter != BLANKS]
    return number - 1, *max(headers, key=lambda one: (any(plain_name(name) in ids for name in one[1]), len(one[1])))


def _find_header(
    texts: Sequence[str], delimiters: Sequence[str], quoting: Quoting, comment: str, columns: Mapping[str, str] | None
) -> Header | None:
    """The first line that names the columns; below the first one, it must be unlike the lines above it."""
    for index, line in enumerate(texts[:TITLE_LINES]):
        commented = _is_comment(line, comment)
        for delimiter in delimiters:
            names = _split(line.lstrip(f"{comment} ") if commented else line, delimiter, quoting)
            names = [_without_quotes(name, quoting.quote) for name in names]
            above, below = (_without_comments(part, comment) for part in (texts[:index], texts[index + 1 :]))
            plain = index == 0 and not commented and delimiter != BLANKS
            try:
                where = find_columns(names, columns)
            except AmbiguousColumns:
                if plain or _heads(names, above, below, delimiter, quoting):
                    raise
                continue
            except BadData:
                continue
            if not (has_known_name(names, columns) or _is_above_numbers(names, below, delimiter, quoting)):
                continue  # found by their numbers, in a line of ratings
            found = {names[place] for place in where.values()}
            unnamed = (name for name in found if name not in (columns or {}).values())
            if any(map(is_number, found)) or any(name.casefold() in NO_NAMES for name in unnamed):
                continue  # positions of columns, in a line of ratings
            if plain or _heads(names, above, below, delimiter, quoting):
                return Header(index, delimiter, names, where)
    return None


def _is_above_numbers(names: Sequence[str], below: Sequence[str], delimiter: str, quoting: Quoting) -> bool:
    return is_header_of_numbers(names, [_split(line, delimiter, quoting) for line in below])


def _heads(names: Sequence[str], above: Sequence[str], below: Sequence[str], delimiter: str, quoting: Quoting) -> bool:
    """Whether the lines below names have as many cells, or one more, and those above have not."""
    if any(sum(map(bool, _split(line, delimiter, quoting))) >= len(names) for line in above):
        return False
    return not below or _width(below, delimiter, quoting) in (len(names), len(names) + 1)


def _without_header(
    data: Sequence[str], delimiters: Sequence[str], quoting: Quoting, columns: Mapping[str, str] | None
) -> TextDialect:
    """The dialect of lines of which the first is data; raises BadData where they are no ratings."""
    delimiter = _best_delimiter(data, delimiters, quoting)
    width = _width(data, delimiter, quoting)
    rows = [cells for cells in (_split(line, delimiter, quoting) for line in data) if len(cells) == width]
    first = _split(data[0], delimiter, quoting)
    named = len(rows[0]) - 1 if width > 1 and all(cells[-1] == "" for cells in rows) else width  # trailing delimiters
    where = find_columns_without_header(
        first[:named], [cells[:named] for cells in rows], columns, of_movielens=delimiter == "::"
    )
    return _quoted(TextDialect(delimiter, False, 0, width, where), quoting, data)


def _best_delimiter(lines: Sequence[str], delimiters: Sequence[str], quoting: Quoting) -> str:
    """The delimiter by which most lines have the same number of cells, of three or more, or else of two."""
    for least in (3, 2):
        agreement = {one: _agreement(lines, one, quoting, least) for one in delimiters}
        best = max(delimiters, key=lambda one: agreement[one])
        if agreement[best] * 2 >= len(lines):
            return best
    return best if agreement[best] else delimiters[-2 if len(delimiters) > 1 else 0]


def _agreement(lines: Sequence[str], delimiter: str, quoting: Quoting, least: int) -> int:
    widths = Counter(len(_split(line, delimiter, quoting)) for line in lines)
    return max((count for width, count in widths.items() if width >= least), default=0)


def _width(lines: Sequence[str], delimiter: str, quoting: Quoting) -> int:
    """The most frequent number of cells."""
    return Counter(len(_split(line, delimiter, quoting)) for line in lines).most_common(1)[0][0]


def _with_extra_column(lines: Sequence[str], dialect: TextDialect) -> TextDialect:
    """The dialect with a column that has no name: names of rows, as R writes them, or trailing delimiters."""
    rows = [_split(line, dialect.delimiter, Quoting(dialect.quote, dialect.escape)) for line in lines]
    longer = [cells for cells in rows if len(cells) == dialect.width + 1]
    if len(longer) * 2 <= len(rows) or len(longer) <= 2 * sum(len(cells) == dialect.width for cells in rows):
        return dialect
    if all(cells[-1] == "" for cells in longer):
        return replace(dialect, width=dialect.width + 1)
    shifted = {role: place + 1 for role, place in dialect.where.items()}
    return replace(dialect, width=dialect.width + 1, where=shifted, names=("", *dialect.names))


def _with_value_types(lines: Sequence[str], dialect: TextDialect) -> TextDialect:
    """The dialect with what the first ratings tell about times and ids."""
    rows = [_split(line, dialect.delimiter, Quoting(dialect.quote, dialect.escape)) for line in lines]
    whole = [row for row in rows if len(row) == dialect.width]
    time = dialect.where.get("time")
    dated = time is not None and not any(is_number(row[time]) for row in whole)
    numbered = all(row[dialect.where[role]].isdigit() for row in whole for role in ("user", "item"))
    return replace(dialect, dated=dated, numbered=numbered)


def _split(line: str, delimiter: str, quoting: Quoting = STANDARD) -> list[str]:
    return [cell.strip() for cell in split_line(line, delimiter, *quoting)]


def _without_quotes(name: str, quote: str) -> str:
    """A name without quotes around it, which are kept where a blank is in front of them."""
    return name[1:-1].replace(quote * 2, quote) if len(name) > 1 and name[0] == name[-1] == quote else name


def _find_comment(texts: Sequence[str], delimiters: Sequence[str], quoting: Quoting) -> str:
    """The mark of comments, if the first line is one: it has a blank after the mark or another number of cells."""
    first = texts[0]
    mark = next((mark for mark in COMMENTS if first.startswith(mark)), "")
    others = [line for line in texts if not line.startswith(mark)] if mark else []
    if first[1:2] in AFTER_COMMENT:
        return mark
    if not others:
        return ""
    delimiter = _best_delimiter(others, delimiters, quoting)
    return "" if len(_split(first, delimiter, quoting)) == _width(others, delimiter, quoting) else mark


def _find_quoting(texts: Sequence[str]) -> Quoting:
    single = '"' not in texts[0] and any(SINGLE_QUOTED.match(line) for line in texts[:5])
    quote = "'" if single else '"'
    return Quoting(quote, "\\" if any(BACKSLASH.search(line) and quote in line for line in texts) else quote)


def _quoted(dialect: TextDialect, quoting: Quoting, texts: Sequence[str]) -> TextDialect:
    """The dialect with quotes, where its delimiter is a single character, and between blanks where there is one."""
    if len(dialect.delimiter) > 1 or (dialect.delimiter == BLANKS and not any(quoting.quote in line for line in texts)):
        return replace(dialect, quote="")
    return replace(dialect, quote=quoting.quote, escape=quoting.escape)


def _without_comments(lines: Sequence[str], comment: str) -> list[str]:
    """The lines that are no comments; one without a blank after its mark may be a rating if it has a delimiter."""
    return [line for line in lines if not _is_comment(line, comment)]


def _is_comment(line: str, comment: str) -> bool:
    if not comment or not line.startswith(comment):
        return False
    return line[1:2] in AFTER_COMMENT or not any(delimiter in line for delimiter in DELIMITERS)
