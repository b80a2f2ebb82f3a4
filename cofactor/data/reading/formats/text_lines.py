"""SQL for the lines of a text file, and for rows of lines that are split at runs of blanks."""

from pathlib import Path

from cofactor.data.duckdb_connection import quoted, quoted_path
from cofactor.data.reading.formats.text_dialect import TextDialect
from cofactor.data.reading.formats.text_head import is_gzip

NO_DELIMITER = "\x1c\x1d\x1e\x1f"  # a delimiter that no line contains: each line is one cell


def lines_sql(path: Path, skip: int = 0) -> str:
    """A SELECT of the lines of a file, in the column `raw`; fails on text that is not UTF-8."""
    return (
        f"SELECT raw FROM read_csv({quoted_path(path)}, delim={quoted(NO_DELIMITER)}, quote='', escape='', "
        f"header=false, skip={skip}, auto_detect=false, columns={{'raw': 'VARCHAR'}}, "
        f"hive_partitioning=false{', compression=gzip' if is_gzip(path) else ''})"
    )


def split_rows_sql(path: Path, dialect: TextDialect) -> tuple[str, str]:
    """Two SELECTs of the rows of a file without quotes, in columns c0, c1, …

    The first fails where a line has another number of cells, the second passes over such a line.
    """
    split = f"SELECT {dialect.split_sql('raw')} AS cells FROM ({lines_sql(path, dialect.before)})"
    split += f" WHERE NOT {dialect.blank_sql('raw')}"
    columns = ", ".join(f"cells[{number + 1}] AS c{number}" for number in range(dialect.width))
    checked = f"CASE WHEN len(cells) = {dialect.width} THEN cells ELSE error('another number of cells') END"
    return (
        f"SELECT {columns} FROM (SELECT {checked} AS cells FROM ({split}))",
        f"SELECT {columns} FROM ({split}) WHERE len(cells) = {dialect.width}",
    )
