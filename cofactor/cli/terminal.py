"""Output to the terminal: data on stdout, everything else on stderr."""

import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cofactor.control_characters import escape_controls, escape_controls_in_json, escape_controls_in_lines
from cofactor.data.tables.text_table import Paragraph, TextTable
from cofactor.errors import Unavailable
from cofactor.output_checks import HINTS
from cofactor.training.tracking.terminal_console import TerminalConsole, stderr_console

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
quietly = click.option("-q", "--quiet", is_flag=True, help="Print only errors on stderr.")


def messages(quiet: bool = False) -> Console:
    """The console on stderr, for everything that is not data; it also shows what the compiler of kernels says."""
    console, logger = stderr_console(quiet), logging.getLogger("cofactor.kernels")
    if (context := click.get_current_context(silent=True)) is not None:
        context.call_on_close(partial(_raise_broken_pipe, console))
    logger.setLevel(logging.INFO)
    logger.handlers = [_ConsoleHandler(console)]
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # not that its folder of settings is a temporary one
    return console


def _raise_broken_pipe(console: TerminalConsole) -> None:
    """Raises BrokenPipeError where the reader of stderr ended during a command, which finished its work unseen."""
    if console.broken:
        raise BrokenPipeError


class _ConsoleHandler(logging.Handler):
    """Prints log records on a console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(record.getMessage(), markup=False)


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """Shows a spinner during a task; nothing where stderr is not a terminal."""
    if not console.is_terminal or console.quiet:
        yield
        return
    with console.status(f"{escape(what)} …"):
        yield


@contextmanager
def drawing(console: Console) -> Iterator[Callable[[str], object]]:
    """Shows a spinner with the title of a plot; gives the function that sets the title.

    Nothing is shown where stderr is not a terminal.
    """
    if not console.is_terminal or console.quiet:
        yield lambda title: None
        return
    with console.status("drawing …") as status:
        yield lambda title: status.update(f"drawing: {escape(title)} …")


@contextmanager
def progress(console: Console, what: str, *columns: "ProgressColumn") -> Iterator[Callable[[int, int | None], object]]:
    """Shows a bar; gives the function that moves it to `done` of `total`. Nothing is shown where stderr is not a
    terminal."""
    from rich.progress import Progress

    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal or console.quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(document: Any) -> None:
    """Prints one JSON document on stdout, its control characters escaped; NaN and infinities are null."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    try:
        written = orjson.dumps(document, option=options, default=str)
    except orjson.JSONEncodeError:  # a name that is not UTF-8
        written = orjson.dumps(_encodable(document), option=options, default=str)
    _write(escape_controls_in_json(written), line=False)


def _encodable(value: Any) -> Any:
    """The same document, in which text that cannot be encoded has escapes instead of lone surrogates."""
    if isinstance(value, Mapping):
        return {_encodable(name): _encodable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    if isinstance(value, Path):
        value = str(value)
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def print_paragraphs(paragraphs: Iterable[Paragraph]) -> None:
    """Lines of text and tables on stdout."""
    for one in paragraphs:
        if isinstance(one, TextTable):
            print_table(one)
        else:
            print_text(one)


def print_text(text: str = "") -> None:
    """Lines of text on stdout, with control characters escaped."""
    _write(escape_controls_in_lines(text))


def _write(data: str | bytes, *, line: bool = True) -> None:
    """Writes to stdout; raises Unavailable where that is on a full disk, say."""
    try:
        click.echo(data, nl=line)
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = HINTS.get(error.errno or 0, "send it to another place")
        raise Unavailable(f"the standard output cannot be written: {error.strerror or error}", hint) from None


def print_path(path: Path) -> None:
    """The path of a file on stdout: its own bytes for a program, and escapes on a terminal."""
    if sys.stdout.isatty():
        print_text(escape_controls(str(path)))
    else:
        _write(os.fsencode(path))


def print_table(table: TextTable) -> None:
    """A table on stdout: with lines and colors on a terminal, as plain text elsewhere."""
    if not sys.stdout.isatty():
        print_text(str(table))
        return
    drawn = Table(box=SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        words = number < table.left
        drawn.add_column(column, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in table.visible_rows():
        drawn.add_row(*(escape(cell) for cell in row))
    TerminalConsole(highlight=False).print(drawn)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values, one pair a line, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        print_text(f"{name:<{width}}  {escape_controls(value)}")
