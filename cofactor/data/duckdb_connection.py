"""DuckDB, which reads, writes and keeps tables: connections that print nothing, and SQL of names, texts and paths."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import duckdb

from cofactor.arrays import Array
from cofactor.errors import BadData, Unavailable
from cofactor.machine import cores

MEMORY_LIMIT = "1500MB"  # of tables; what is beyond goes to disk. Results and NumPy's columns come on top
SMALL_MEMORY_LIMIT = "128MB"  # while a file is unpacked: a row group of ids takes a tenth of it
RESOURCE_ERRORS = (duckdb.OutOfMemoryException, duckdb.InterruptException)  # errors that no row is to blame for
MAX_THREADS = 8  # reading gains little from more

Setting = str | bool | int | float | list[str]


@contextmanager
def shared_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for a query or two: to the one database in memory that the process has."""
    with closing(_shared().cursor()) as connection:
        yield _without_progress_bar(connection)


@contextmanager
def limited_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for reading a file that may be anything: a small one that unpacks to gigabytes is an error there."""
    with closing(_limited().cursor()) as connection:
        yield _without_progress_bar(connection)


@contextmanager
def new_connection(
    file: Path | None = None, settings: Mapping[str, Setting] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database of its own, in a file or in memory."""
    with duckdb.connect(file or ":memory:", config=dict(settings or {})) as connection:
        yield _without_progress_bar(connection)


@contextmanager
def reading_connection(folder: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that spills to `folder`; what goes wrong in it is told as an error of the file `name`."""
    settings: dict[str, Setting] = {
        "threads": reading_threads(),
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(folder / "spilled"),
        "preserve_insertion_order": True,  # ratings keep the order of the file
    }
    try:
        with new_connection(settings=settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")  # dates without a zone are UTC
            yield connection
    except duckdb.InterruptException as error:
        raise KeyboardInterrupt from error
    except RuntimeError as error:
        if "interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from error  # what DuckDB makes of Ctrl-C
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(f"{name}: {first_line(error)}", "free some memory or disk space for it") from error
    except duckdb.Error as error:
        raise BadData(f"{name}: cannot be read: {first_line(error)}", "is it whole, and a table of ratings?") from error


def reading_threads() -> int:
    """Processors this process may use, at most MOST_THREADS."""
    return min(cores(), MAX_THREADS)


def first_line(error: BaseException) -> str:
    """The first line of a message, without the kind of error in front and of bounded length."""
    line = str(error).strip().partition("\n")[0]
    _, kind, rest = line.partition("Error: ")
    return (rest if kind else line)[:200]


def quoted(text: str) -> str:
    """A string for SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """The name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_path(path: Path) -> str:
    """A file to read, for SQL: taken literally, where * ? and [ would name many files and a ~ the home folder."""
    return quoted(re.sub(r"([*?\[])", r"[\1]", str(path.absolute())))


def select_list(columns: Mapping[str, Array]) -> str:
    """Columns in memory for a SELECT; those of objects are text, also where all are missing."""
    return ", ".join(
        f"{quoted_name(name)}{'::VARCHAR AS ' + quoted_name(name) if column.dtype == object else ''}"
        for name, column in columns.items()
    )


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()  # takes ten times as long as to write a small file


@cache
def _limited() -> duckdb.DuckDBPyConnection:
    settings: dict[str, Setting] = {
        "memory_limit": SMALL_MEMORY_LIMIT,
        "temp_directory": "",  # nothing spills to disk
        "threads": 1,  # each holds what it unpacks
        "enable_external_file_cache": False,  # a file may be another now, with the same name, length and time
    }
    return duckdb.connect(config=settings)


def _without_progress_bar(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET enable_progress_bar = false")  # it would print to stdout, after two seconds
    return connection
