"""Reads and writes Parquet files with DuckDB. The order of rows is kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np

from cofactor.arrays import Array
from cofactor.data.duckdb_connection import (
    limited_connection,
    quoted,
    quoted_name,
    quoted_path,
    select_list,
    shared_connection,
)
from cofactor.errors import BadArtifact
from cofactor.output_checks import os_error

COLUMNS_SHOWN = 160  # characters
TEXT_PER_ROW, TEXT_ANYWAY = 256, 1 << 24  # bytes of ids, titles and genres; MovieLens has 50 a row
ROW_BYTES, FILE_BYTES = 64, 1 << 20  # of numbers and lengths of texts in a row; of what describes the columns


def write_parquet(
    path: Path, columns: Mapping[str, Array], *, compression: str = "zstd", metadata: Mapping[str, str] | None = None
) -> None:
    """Writes parallel (n,) columns; those of objects are text.

    Raises OSError where the disk does not take them, duckdb.Error where they cannot be written at all.
    """
    with shared_connection() as database:
        database.register("given", {name: np.ascontiguousarray(column) for name, column in columns.items()})
        _copy(database, f"SELECT {select_list(columns)} FROM given", path, compression, metadata or {})


def join_parquet(parts: Sequence[Path], path: Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Writes the rows of several Parquet files, one after the other, to one. Memory does not grow with their number."""
    with shared_connection() as database:
        _copy(database, f"FROM {parquet_table(*parts)}", path, "zstd", metadata or {})


def read_parquet(path: Path, names: Sequence[str] = ()) -> dict[str, Array]:
    """Columns of a Parquet file by name, those of `names` that it has, or all; masked where values are missing.

    Raises duckdb.Error where it cannot be read.
    """
    source = parquet_table(path)
    with shared_connection() as database:
        present = [row[0] for row in database.execute(f"DESCRIBE FROM {source}").fetchall()]
        wanted = [name for name in present if not names or name in names]
        chosen = ", ".join(quoted_name(name) for name in wanted)
        found: dict[str, Array] = database.execute(f"SELECT {chosen} FROM {source}").fetchnumpy()
    return found


def read_small_parquet(path: Path, known: Mapping[str, str], n: int) -> dict[str, Array]:
    """All columns of at most n rows, of the `known` names and DuckDB's types, from an untrusted file.

    Memory is bounded by n, whatever a file of a few bytes unpacks to. Raises BadArtifact for another column, a column
    of another type, more rows, or more than `max_text(n)` bytes of text; duckdb.Error where it cannot be read.
    """
    source = parquet_table(path)
    with limited_connection() as database:
        present = {row[0]: row[1] for row in database.execute(f"DESCRIBE FROM {source}").fetchall()}
        if present.items() - known.items():
            raise _damaged(path, f"has the columns {_shown(present)}, not {_shown(known)}")
        lengths = " + ".join(f"coalesce(strlen({quoted_name(one)}), 0)" for one in present if known[one] == "VARCHAR")
        claimed = database.execute(f"SELECT num_rows FROM parquet_file_metadata({quoted_path(path)})").fetchall()
        if sum(rows for (rows,) in claimed) > n:  # before anything is unpacked
            raise _damaged(path, f"has more than {n:,} rows")
        some = f"(SELECT * FROM {source} LIMIT {n + 1})"
        rows, text = database.execute(f"SELECT count(*), coalesce(sum({lengths or 0}), 0) FROM {some}").fetchall()[0]
        if rows > n:
            raise _damaged(path, f"has more than {n:,} rows")
        if text > max_text(n):
            raise _damaged(path, f"holds {text:,} bytes of text in {rows:,} rows")
        found: dict[str, Array] = database.execute(f"SELECT * FROM {source} LIMIT {n}").fetchnumpy()
    return found


def max_text(n: int) -> int:
    """Bytes of text that n rows of a small table hold, at most."""
    return TEXT_PER_ROW * n + TEXT_ANYWAY


def max_parquet_size(n: int) -> int:
    """Bytes of a file that holds n rows of a small table, at most."""
    return max_text(n) + ROW_BYTES * n + FILE_BYTES


def parquet_metadata(path: Path) -> dict[str, str]:
    """The key-value metadata of a Parquet file."""
    query = f"SELECT key, value FROM parquet_kv_metadata({quoted_path(path)})"
    with shared_connection() as database:
        return {_text(key): _text(value) for key, value in database.execute(query).fetchall()}


def parquet_table(*paths: Path, partitioned: bool = False) -> str:
    """SQL for the rows of Parquet files; a folder named rank=8 adds a column `rank` of text only if `partitioned`."""
    hive = "true, hive_types_autocast=false" if partitioned else "false"
    return f"read_parquet([{', '.join(quoted_path(path) for path in paths)}], hive_partitioning={hive})"


def _copy(
    database: duckdb.DuckDBPyConnection, query: str, path: Path, compression: str, metadata: Mapping[str, str]
) -> None:
    entries = ", ".join(f"{quoted(key)}: {quoted(value)}" for key, value in metadata.items())
    extra = f", KV_METADATA {{{entries}}}" if entries else ""
    try:
        database.execute(
            f"COPY ({query}) TO {quoted(str(path.absolute()))} (FORMAT parquet, COMPRESSION {compression}{extra})"
        )
    except duckdb.IOException as error:  # of a full disk, say
        raise os_error(str(error), path) from error


def _damaged(path: Path, message: str) -> BadArtifact:
    return BadArtifact(f"{path} {message}", "the folder is damaged: save the model again")


def _shown(columns: Mapping[str, str]) -> str:
    listed = ", ".join(f"{name[:60]!r} {kind[:60]}" for name, kind in columns.items())
    return listed if len(listed) <= COLUMNS_SHOWN else listed[: COLUMNS_SHOWN - 1] + "…"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
