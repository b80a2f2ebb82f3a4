"""The dialect of a text file of ratings: how a line is split, and which cell is which column."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass

from cofactor.data.duckdb_connection import quoted

AFTER_COMMENT = ("", " ", "\t")  # what follows the mark of a comment
SPACE = " \t\r\n"
LONG_LINE = 1 << 17  # characters; the csv module reads no longer cells by itself
BLANKS = " "  # the delimiter that stands for any run of spaces and tabs


@dataclass(frozen=True)
class TextDialect:
    """The dialect of a text file of ratings."""

    delimiter: str
    header: bool
    before: int  # lines before the first rating: blank ones, comments and the header
    width: int  # columns
    where: Mapping[str, int]  # role -> position
    dated: bool = False  # times are dates
    numbered: bool = False  # the first ids are plain numbers
    quote: str = '"'  # "" for none, as in MovieLens' files with `::`
    escape: str = '"'  # the character before a quote in a quoted cell
    comment: str = ""  # lines that begin with it are no ratings
    names: tuple[str, ...] = ()  # of the columns, where there is a header

    def cells(self, line: str) -> list[str]:
        """The cells of one record; raises csv.Error for quotes that do not pair.

        Between tabs, a quote that does not pair is a character like others.
        """
        try:
            return split_line(line, self.delimiter, self.quote, self.escape, strict=True)
        except csv.Error:
            if self.delimiter != "\t" or "\n" in line:
                raise
            return line.split("\t")

    def whole_record(self, line: str) -> list[str] | None:
        """The cells of a line, or None where it is not a record by itself."""
        try:
            cells = self.cells(line)
        except csv.Error:
            return None
        return cells if len(cells) == self.width else None

    def is_blank(self, line: str) -> bool:
        """Whether a line has no cell with text in it, or is a comment."""
        return not line.strip(SPACE + self.delimiter) or self._is_comment(line)

    def _is_comment(self, line: str) -> bool:
        """Whether a line begins like a comment, and has a blank after the mark or another number of cells."""
        if not self.comment or not line.startswith(self.comment):
            return False
        if line[1:2] in AFTER_COMMENT:
            return True
        return len(split_line(line, self.delimiter, self.quote, self.escape)) != self.width

    def blank_sql(self, line: str) -> str:
        """SQL for `is_blank` of an SQL text."""
        blank = f"trim({line}, {quoted(SPACE + self.delimiter)}) = ''"
        if not self.comment:
            return blank
        after = ", ".join(map(quoted, AFTER_COMMENT))
        other = f"substr({line}, 2, 1) IN ({after}) OR len({self.split_sql(line)}) <> {self.width}"
        return f"({blank} OR (starts_with({line}, {quoted(self.comment)}) AND ({other})))"

    def comment_cell_sql(self, cell: str) -> str:
        """SQL that says whether the first cell of a line with the usual number of cells begins a comment."""
        after = ", ".join(map(quoted, filter(None, AFTER_COMMENT)))
        return f"(starts_with({cell}, {quoted(self.comment)}) AND substr({cell}, 2, 1) IN ({after}))"

    def split_sql(self, line: str) -> str:
        """SQL for the cells of a line without quotes."""
        if self.delimiter == BLANKS:
            return f"string_split_regex(trim({line}, ' \t'), '[ \t]+')"
        return f"string_split({line}, {quoted(self.delimiter)})"

    def read_csv_options(self) -> str:
        """Options of DuckDB's read_csv. Lines with another number of cells are errors there."""
        return (
            f"delim={quoted(self.delimiter)}, header=false, skip={self.before}, auto_detect=false, "
            f"quote={quoted(self.quote)}, escape={quoted(self.escape if self.quote else '')}"
        )


def split_line(line: str, delimiter: str, quote: str = '"', escape: str = '"', *, strict: bool = False) -> list[str]:
    """The cells of a line. Quotes are not special where the delimiter has several characters.

    Raises csv.Error, if `strict`, for quotes that do not pair.
    """
    blanks = delimiter == BLANKS
    if not quote or quote not in line or len(delimiter) > 1:
        return line.split() if blanks else line.split(delimiter)
    reader = csv.reader(
        [line.strip() if blanks else line],
        delimiter=delimiter,
        quotechar=quote,
        doublequote=escape == quote,
        escapechar=None if escape == quote else escape,
        skipinitialspace=blanks,
        strict=strict,
    )
    if len(line) <= LONG_LINE:
        return next(reader, [])
    limit = csv.field_size_limit(len(line))  # of the module, which is put back
    try:
        return next(reader, [])
    finally:
        csv.field_size_limit(limit)
