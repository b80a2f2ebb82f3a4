"""From the files of a table to SQL that scans it: unpacks, converts and joins them where DuckDB cannot read them."""

import codecs
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cofactor.data.duckdb_connection import quoted_path
from cofactor.data.parquet import parquet_table
from cofactor.data.reading.columns import COMMON_NAMES, REQUIRED, ROLES, plain_name
from cofactor.data.reading.containers.compressed_files import (
    check_size_unpacked,
    decompress,
    decompression_errors,
    find_compression,
    open_compressed,
    plain_file_name,
)
from cofactor.data.reading.containers.part_files import join_text_parts
from cofactor.data.reading.formats.file_kinds import refuse_foreign_file
from cofactor.data.reading.formats.json_tables import find_form, is_json, json_query, write_document
from cofactor.data.reading.formats.netflix_files import is_netflix, write_netflix_as_table
from cofactor.data.reading.formats.spreadsheets import is_workbook, sheet_names, write_sheet_as_text
from cofactor.data.reading.formats.text_conversion import write_as_utf8
from cofactor.data.reading.formats.text_head import HEAD, foreign_encoding
from cofactor.data.reading.formats.wide_tables import wide_query, write_wide_as_table
from cofactor.data.reading.sql_source import SqlScan, scan_query, scan_text
from cofactor.data.reading.text_format import detect_dialect
from cofactor.errors import BadData

PARQUET = b"PAR1"
FORBIDDEN = frozenset("\r\n\0\"'\\")
MAX_DELIMITER = 4
MOST_ROWS_PER_BYTE = 200  # of Parquet, whose repeated values take next to no space
FEW_ROWS = 2_000_000  # that a file of any size may have
ZIP = b"PK\x03\x04"


@dataclass
class TableScanner:
    """Scans tables for one call of `read`.

    working: a folder for files that are unpacked or converted. wide: whether the table is a wide one, in which
    `missing` values are no ratings.
    """

    connection: duckdb.DuckDBPyConnection
    working: Path
    columns: Mapping[str, str] | None = None
    delimiter: str | None = None
    wide: bool = False
    missing: Collection[str] = ()
    notes: list[str] = field(default_factory=list)

    def scan(self, paths: Sequence[Path], sheet: str | None = None, keys: Mapping[str, str] | None = None) -> SqlScan:
        """The rows of a table in one or more files; raises BadData for a format that is not read.

        sheet: of a workbook. keys: columns in the names of the folders of parts.
        """
        plain = [self._unpacked(path) for path in paths]
        head = next(filter(None, map(_head, plain)), b"")
        refuse_foreign_file(head)
        if head.startswith(PARQUET):
            self._check_rows(plain)
            return self._query(f"SELECT * FROM {parquet_table(*plain, partitioned=bool(keys))}")
        if head.startswith(ZIP):
            path = self._sheet(plain[0], sheet)
        else:
            plain = [self._in_utf8(path) for path in plain]
            if len(plain) > 1 and is_json(head):
                return self._json(plain)
            path = self._text(plain, keys or {})
        head = _head(path)
        if is_json(head):
            return self._json([path])
        if self.wide:
            return self._wide(path)
        if is_netflix(head):
            path = write_netflix_as_table(path, self._file("netflix.csv"))
        return scan_text(path, self.columns, self.delimiter)

    def _check_rows(self, paths: Sequence[Path]) -> None:
        """Raises BadData for Parquet files that say they have far more rows than ratings of their size."""
        listed = ", ".join(map(quoted_path, paths))
        query = f"SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata([{listed}])"
        ((rows,),) = self.connection.execute(query).fetchall()
        most = max(FEW_ROWS, MOST_ROWS_PER_BYTE * sum(path.stat().st_size for path in paths))
        if rows > most:
            raise BadData(f"{int(rows):,} rows, {most:,} are allowed in Parquet of this size", "is it made of ratings?")

    def plain_text(self, path: Path) -> Path:
        """A file of text in UTF-8 without its compression; raises BadData for a format that is none."""
        plain = self._unpacked(path)
        refuse_foreign_file(_head(plain))
        return self._in_utf8(plain)

    def _unpacked(self, path: Path) -> Path:
        """The file without its compression; text in gzip is left to DuckDB, which unpacks it row by row."""
        compression = find_compression(path)
        if compression is None:
            return path
        with decompression_errors(path), open_compressed(path) as file:
            head = file.read(HEAD)
        refuse_foreign_file(head)
        text = b"\0" not in head and not is_json(head) and not is_netflix(head)
        if compression != "gzip" or not text:
            return decompress(path, self._file(plain_file_name(path.name)))
        check_size_unpacked(path)
        return path

    def _in_utf8(self, path: Path) -> Path:
        head = _head(path)
        marked = head.startswith(codecs.BOM_UTF8) and is_json(head)  # which DuckDB's JSON does not know
        encoding = "utf-8-sig" if marked else foreign_encoding(head)
        return write_as_utf8(path, encoding, self._file(path.name)) if encoding else path

    def _text(self, paths: Sequence[Path], keys: Mapping[str, str]) -> Path:
        """The one file of text, or a file of all parts."""
        if keys:
            self._check_keys(keys)
        if len(paths) == 1:
            return paths[0]
        plain = [decompress(path, self._file(path.name)) if find_compression(path) else path for path in paths]
        plain = [path for path in plain if path.stat().st_size] or plain[:1]  # Spark writes empty parts
        head = _head(plain[0])
        header = (
            not is_json(head) and not is_netflix(head) and detect_dialect(plain[0], self.columns, self.delimiter).header
        )
        return join_text_parts(plain, self._file("parts.txt"), has_header=header)

    def _check_keys(self, keys: Mapping[str, str]) -> None:
        """Raises BadData where the folders of text files hold a column that is needed; notes others."""
        known = {name for role in REQUIRED for name in COMMON_NAMES[role]}
        chosen = set((self.columns or {}).values())
        if held := [key for key in keys if key in chosen or plain_name(key) in known]:
            raise BadData(
                f"folders such as {held[0]}={keys[held[0]]} hold a column of text files", "write it as Parquet"
            )
        self.notes.append(f"not read from the names of folders: {', '.join(keys)}")

    def _sheet(self, path: Path, sheet: str | None) -> Path:
        """A sheet of a workbook as text: the only one, or the only one with columns of users and items."""
        if not is_workbook(path):
            raise BadData("a zip in a place where a table is expected", "unpack it, and name the file")
        names = sheet_names(path)
        if sheet is not None and sheet not in names:
            raise BadData(f"no sheet {sheet!r} among {', '.join(names)}", "name one of them, as in FILE.xlsx:SHEET")
        written = {
            name: write_sheet_as_text(path, name, self._file("sheet.csv")) for name in ([sheet] if sheet else names)
        }
        fitting = [name for name, file in written.items() if self.wide or self._is_table(file)] or list(written)
        if len(fitting) > 1:
            raise BadData(
                f"{len(fitting)} sheets may be the ratings: {', '.join(fitting)}", "name one: FILE.xlsx:SHEET"
            )
        return written[fitting[0]]

    def _is_table(self, path: Path) -> bool:
        try:
            detect_dialect(path, self.columns)
        except BadData:
            return False
        return True

    def _json(self, paths: Sequence[Path]) -> SqlScan:
        whole = [path for path in paths if path.stat().st_size]
        form = find_form(whole[0])
        if form == "document":
            written = {path: self._file("records") for path in whole}
            rows = [write_document(path, into, self.columns) for path, into in written.items()]
            whole, form = list(written.values()), "newline_delimited"
            if any(rows):
                return self._rows(whole)
        return self._query(json_query(self.connection, whole, form, self.columns, ROLES)[0])

    def _rows(self, paths: Sequence[Path]) -> SqlScan:
        """The rows of a JSON array of arrays, written as CSV, for which the rules of text hold."""
        if len(paths) > 1:
            raise BadData("JSON arrays of arrays in several files", "read the files one by one")
        return self._wide(paths[0]) if self.wide else scan_text(paths[0], self.columns, ",")

    def _wide(self, path: Path) -> SqlScan:
        into = self._file("wide.csv")
        form = write_wide_as_table(path, into, self.columns, self.missing, self.delimiter)
        self.notes += form.notes()
        names = ", ".join(f"'{name}': 'VARCHAR'" for name in form.role_names)
        query = (
            f"SELECT * FROM read_csv({quoted_path(into)}, header=true, auto_detect=false, delim=',', quote='\"', "
            f"escape='\"', columns={{{names}}})"
        )
        return scan_query(self.connection, query, None)

    def _query(self, query: str) -> SqlScan:
        if self.wide:
            wide = wide_query(self.connection, query, self.columns, self.missing)
            return scan_query(self.connection, wide, None)
        return scan_query(self.connection, query, self.columns)

    def _file(self, name: str) -> Path:
        """The path of a new file in a folder of its own."""
        return Path(tempfile.mkdtemp(dir=self.working), name)


def _head(path: Path) -> bytes:
    with decompression_errors(path), open_compressed(path) as file:
        return file.read(HEAD)


def check_delimiter(delimiter: str | None) -> None:
    """Raises BadData for text that cannot stand between columns."""
    if delimiter is None:
        return
    if not isinstance(delimiter, str) or not 0 < len(delimiter) <= MAX_DELIMITER or set(delimiter) & FORBIDDEN:
        raise BadData(f"delimiter is {delimiter!r}", "one to four characters such as ',' ';' '|' '\\t' '::' or ' '")
