"""The standard streams of the program: closed ones, and errors of writing the last of the output."""

import io
import os
import sys
from typing import TextIO

from cofactor.errors import Unavailable

STDIN, STDOUT, STDERR = range(3)


def open_closed_streams() -> None:
    """Connects a closed standard stream to nothing, so that no file of the program takes its number.

    Raises Unavailable where stdout is closed: what the program writes there would be lost.
    """
    closed = [number for number in (STDIN, STDOUT, STDERR) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if STDERR in closed:
        sys.stderr = open(STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if STDOUT in closed:
        sys.stdout = open(STDOUT, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        raise Unavailable("the standard output is closed", "send it to a file, or to /dev/null")


def escape_unencodable_output() -> None:
    """Makes stdout write what its encoding does not have as an escape; stderr does so by itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def csv_output() -> TextIO:
    """Stdout for a CSV file, which is UTF-8 in any locale, as every file of the program."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="strict")
    return sys.stdout


def flush_output() -> None:
    """Writes what is left of the output; raises OSError where it cannot be written."""
    sys.stdout.flush()


def drop_failed_output() -> bool:
    """Whether the output cannot be written; what is left of it is dropped then, so that the program can end."""
    try:
        flush_output()
    except OSError:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        return True
    return False


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
