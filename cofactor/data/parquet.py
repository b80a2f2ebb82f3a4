"""Columns in memory <-> Parquet files, through DuckDB. The order of the rows is kept both ways."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import duckdb
import numpy as np

from cofactor.arrays import Array


def write_parquet(
    path: Path, columns: Mapping[str, Array], *, compression: str = "zstd", metadata: Mapping[str, str] | None = None
) -> None:
    """Writes parallel (n,) columns. Raises duckdb.Error where it cannot."""
    with _connection() as database:
        database.register("given", {name: np.ascontiguousarray(column) for name, column in columns.items()})
        _copy(database, "FROM given", path, compression, metadata or {})


def join_parquet(parts: Sequence[Path], path: Path, *, metadata: Mapping[str, str] | None = None) -> None:
    """Writes the rows of several Parquet files, one after the other, to one. Memory does not grow with their number."""
    names = ", ".join(_quoted(_not_a_pattern(part)) for part in parts)
    with _connection() as database:
        _copy(database, f"FROM read_parquet([{names}])", path, "zstd", metadata or {})


def read_parquet(path: Path, names: Sequence[str] = ()) -> dict[str, Array]:
    """Columns of a Parquet file by name, those of `names` that it has, or all; masked where values are missing.

    Raises duckdb.Error where it cannot be read.
    """
    source = f"read_parquet({_quoted(_not_a_pattern(path))})"
    with _connection() as database:
        present = [row[0] for row in database.execute(f"DESCRIBE FROM {source}").fetchall()]
        wanted = [name for name in present if not names or name in names]
        listed = ", ".join('"' + name.replace('"', '""') + '"' for name in wanted)
        found: dict[str, Array] = database.execute(f"SELECT {listed} FROM {source}").fetchnumpy()
    return found


def parquet_metadata(path: Path) -> dict[str, str]:
    """The keys and values that a Parquet file carries beside its rows."""
    query = f"SELECT key, value FROM parquet_kv_metadata({_quoted(_not_a_pattern(path))})"
    with _connection() as database:
        return {_text(key): _text(value) for key, value in database.execute(query).fetchall()}


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One for the process, in memory: to open one takes ten times as long as to write a small file."""
    return duckdb.connect()


@contextmanager
def _connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(_database().cursor()) as connection:
        connection.execute("SET enable_progress_bar = false")  # it would print to stdout, after two seconds
        yield connection


def _copy(
    database: duckdb.DuckDBPyConnection, query: str, path: Path, compression: str, metadata: Mapping[str, str]
) -> None:
    entries = ", ".join(f"{_quoted(key)}: {_quoted(value)}" for key, value in metadata.items())
    extra = f", KV_METADATA {{{entries}}}" if entries else ""
    database.execute(f"COPY ({query}) TO {_quoted(str(path))} (FORMAT parquet, COMPRESSION {compression}{extra})")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _not_a_pattern(path: Path) -> str:
    """A path as DuckDB takes it literally: * ? and [ would name many files."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
