"""Tables as HTML, for notebooks. Every text is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from cofactor.arrays import Array
from cofactor.data.tables.text_table import TextTable

LARGE = 10_000  # numbers from here on, such as times, are shown with all of their digits
ROWS = 20  # of a table that are shown
STYLE = "text-align:left"


def html_table(columns: Mapping[str, Array | Sequence[Any]], caption: str = "", rows: int = ROWS) -> str:
    """The first rows of a table of columns, with a line that says how many more there are."""
    n = len(next(iter(columns.values()), ()))
    shown = zip(*(map(show_value, column[:rows]) for column in columns.values()), strict=True)
    more = f"<p>{n - rows:,} more rows</p>" if n > rows else ""
    return _html(columns, shown, caption) + more


def html_text_table(table: TextTable) -> str:
    """A table of plain text."""
    return _html(table.columns, table.visible_rows(), "")


def _html(columns: Iterable[str], rows: Iterable[Iterable[str]], caption: str) -> str:
    title = f'<caption style="{STYLE}">{escape(caption)}</caption>' if caption else ""
    head = "".join(_cell("th", name) for name in columns)
    body = "".join(f"<tr>{''.join(_cell('td', cell) for cell in row)}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(tag: str, text: str) -> str:
    return f'<{tag} style="{STYLE}">{escape(text)}</{tag}>'


def show_value(value: Any) -> str:
    """A cell as text: small numbers with four significant digits, nothing for a missing value, a time without zeros of
    a second."""
    if value is None or value != value:
        return ""
    if isinstance(value, np.datetime64):
        return str(value).replace("T", " ").removesuffix(".000000").removesuffix(" 00:00:00")
    if not isinstance(value, float | np.floating):
        return str(value)
    return f"{value:.4g}" if abs(float(value)) < LARGE else f"{value:.3f}".rstrip("0").rstrip(".")
