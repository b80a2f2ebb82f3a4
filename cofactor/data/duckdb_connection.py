"""DuckDB connections that print nothing, and quoting of names, texts and paths for SQL."""

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import duckdb

from cofactor.arrays import Array
from cofactor.errors import BadData, CofactorError, Unavailable
from cofactor.machine import cores
from cofactor.output_checks import os_error, write_errors

MEMORY_LIMIT = "1500MB"  # for tables; DuckDB spills the rest to disk. Results in NumPy arrays come on top
SMALL_MEMORY_LIMIT = "128MB"  # while a small file is unpacked: a row group of ids takes a tenth of it
RESOURCE_ERRORS = (duckdb.OutOfMemoryException, duckdb.InterruptException)  # errors that no row of the data causes
MAX_THREADS = 8  # reading gains little from more

Setting = str | bool | int | float | list[str]


@contextmanager
def shared_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for a few queries, to the one in-memory database of the process."""
    with closing(_shared().cursor()) as connection:
        yield _without_progress_bar(connection)


@contextmanager
def limited_connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for untrusted files: a small file that unpacks to gigabytes is an error there."""
    with closing(_limited().cursor()) as connection:
        yield _without_progress_bar(connection)


@contextmanager
def new_connection(
    file: Path | None = None, settings: Mapping[str, Setting] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a new database, in a file or in memory."""
    with duckdb.connect(file or ":memory:", config=dict(settings or {})) as connection:
        yield _without_progress_bar(connection)


@contextmanager
def reading_connection(folder: Path, name: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for reading the file `name`, which spills to `folder`.

    Raises Unavailable where memory or disk run out, BadData, naming the file, for any other error of DuckDB, and
    KeyboardInterrupt where the user interrupted a query.
    """
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
        raise KeyboardInterrupt from error  # DuckDB's error after Ctrl-C
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(f"{name}: {first_line(error)}", "free some memory or disk space for it") from None
    except duckdb.Error as error:
        text = str(error)
        if "schema mismatch" in text:
            hint = "its parts have different columns: read them one by one, or write them with the same ones"
            raise BadData(f"{name}: cannot be read: {first_line(error)[-200:]}", hint) from None
        if "line size" in text.lower():
            hint = "a line of it is too long: are line ends or a quote missing?"
            raise BadData(f"{name}: cannot be read: {first_line(error)}", hint) from None
        raise BadData(f"{name}: cannot be read: {first_line(error)}", "is it whole, and a table of ratings?") from None


@contextmanager
def table_write_errors(path: Path | str, kind: type[CofactorError] = BadData) -> Iterator[None]:
    """Turns an error of writing tables to a place, of DuckDB or of the disk, into an error of this kind."""
    with write_errors(path, kind):
        try:
            yield
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            default = errno.EIO if isinstance(error, duckdb.IOException) else errno.ENOMEM
            raise os_error(str(error), path, default) from error
        except duckdb.Error as error:
            raise kind(f"cannot write {path}: {first_line(error)}", "ids and titles are Unicode text") from error


def reading_threads() -> int:
    """Processors this process may use, at most MOST_THREADS."""
    return min(cores(), MAX_THREADS)


def first_line(error: BaseException) -> str:
    """The first line of a message without the kind of error, at most 200 characters."""
    line = str(error).strip().partition("\n")[0]
    _, kind, rest = line.partition("Error: ")
    return (rest if kind else line)[:200]


def quoted(text: str) -> str:
    """A string literal for SQL."""
    return "'" + text.replace("'", "''") + "'"


def quoted_name(name: str) -> str:
    """A column name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted_path(path: Path) -> str:
    """A path for SQL, taken literally: * ? [ would select many files, and ~ the home folder.

    Raises BadData for a path that is not UTF-8.
    """
    name = str(path.absolute())
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadData("the name of the file, or of a folder above it, is not UTF-8", "rename it") from None
    return quoted(re.sub(r"([*?\[])", r"[\1]", name))


def select_list(columns: Mapping[str, Array]) -> str:
    """The list of columns for a SELECT from arrays; columns of objects are text, even where all values are missing."""
    return ", ".join(
        f"{quoted_name(name)}{'::VARCHAR AS ' + quoted_name(name) if column.dtype == object else ''}"
        for name, column in columns.items()
    )


@cache
def _shared() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()  # connecting takes ten times as long as writing a small file


@cache
def _limited() -> duckdb.DuckDBPyConnection:
    settings: dict[str, Setting] = {
        "memory_limit": SMALL_MEMORY_LIMIT,
        "temp_directory": "",  # nothing spills to disk
        "threads": 1,  # each thread holds what it unpacks
        "enable_external_file_cache": False,  # a file may be another now, with the same name, length and time
    }
    return duckdb.connect(config=settings)


def _without_progress_bar(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    connection.execute("SET enable_progress_bar = false")  # it would print to stdout, after two seconds
    return connection
