"""Output to the terminal: data on stdout, everything else on stderr."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cofactor.report.text.table import Paragraph, TextTable

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
quietly = click.option("-q", "--quiet", is_flag=True, help="Print only errors on stderr.")


def messages(quiet: bool = False) -> Console:
    """The console on stderr, for everything that is not data."""
    return Console(stderr=True, highlight=False, quiet=quiet, soft_wrap=True)


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
    """Prints one JSON document on stdout; NaN and infinities are null."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    click.echo(orjson.dumps(document, option=options, default=str), nl=False)


def print_paragraphs(paragraphs: Iterable[Paragraph]) -> None:
    """Lines of text and tables on stdout."""
    for one in paragraphs:
        if isinstance(one, TextTable):
            print_table(one)
        else:
            click.echo(one)


def print_table(table: TextTable) -> None:
    """A table on stdout: with lines and colors on a terminal, as plain text elsewhere."""
    if not sys.stdout.isatty():
        click.echo(str(table))
        return
    drawn = Table(box=SIMPLE_HEAD)
    for number, column in enumerate(table.columns):
        words = number < table.left
        drawn.add_column(column, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in table.rows:
        drawn.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(drawn)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values, one pair a line, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")
