"""What the terminal shows: data on stdout, everything else on stderr, tables in both."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

Cells = Sequence[Sequence[str]]

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
quietly = click.option("-q", "--quiet", is_flag=True, help="Nothing on stderr but errors.")


def messages(quiet: bool = False) -> Console:
    """The console for everything that is not data."""
    return Console(stderr=True, highlight=False, quiet=quiet, soft_wrap=True)


@contextmanager
def waiting(console: Console, what: str) -> Iterator[None]:
    """A spinner while something takes its time; nothing where stderr is not a terminal."""
    if not console.is_terminal or console.quiet:
        yield
        return
    with console.status(f"{escape(what)} …"):
        yield


@contextmanager
def drawing(console: Console) -> Iterator[Callable[[str], object]]:
    """A spinner that says which picture is being drawn, and the function that tells it; nothing where stderr is not a
    terminal."""
    if not console.is_terminal or console.quiet:
        yield lambda said: None
        return
    with console.status("drawing …") as status:
        yield lambda said: status.update(f"drawing: {escape(said)} …")


@contextmanager
def progress(console: Console, what: str, *columns: "ProgressColumn") -> Iterator[Callable[[int, int | None], object]]:
    """A bar, and the function that moves it to `done` of `total`; nothing where stderr is not a terminal."""
    from rich.progress import Progress

    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal or console.quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(document: Any) -> None:
    """One JSON document on stdout; numbers that JSON cannot say are null."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    click.echo(orjson.dumps(document, option=options, default=str), nl=False)


def print_table(rows: Cells, columns: Sequence[str], *, left: int = 1) -> None:
    """A table on stdout: drawn on a terminal, aligned text elsewhere. The first `left` columns are words."""
    if not sys.stdout.isatty():
        click.echo(aligned(rows, columns, left=left))
        return
    table = Table(box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        words = number < left
        table.add_column(column, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)


def aligned(rows: Cells, columns: Sequence[str], *, left: int = 1) -> str:
    """Rows as text, each column as wide as its widest cell, words to the left and numbers to the right."""
    lines = [list(columns), *(list(row) for row in rows)]
    widths = [max(cell_len(line[n]) for line in lines) for n in range(len(columns))]

    def padded(cell: str, n: int) -> str:
        space = " " * (widths[n] - cell_len(cell))
        return cell + space if n < left else space + cell

    return "\n".join("  ".join(padded(cell, n) for n, cell in enumerate(line)).rstrip() for line in lines)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and figures, one a line, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")


def figure(value: float | None, digits: int = 4) -> str:
    """A number for a table; a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"
