"""Tables as HTML, for notebooks. Every text is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from cofactor.arrays import Array

ROWS = 20  # of a table that are shown
STYLE = "text-align:left"


def html_table(columns: Mapping[str, Array | Sequence[Any]], caption: str = "", rows: int = ROWS) -> str:
    """The first rows of a table of columns, with a line that says how many more there are."""
    n = len(next(iter(columns.values()), ()))
    head = "".join(f'<th style="{STYLE}">{escape(name)}</th>' for name in columns)
    shown = zip(*(_cells(column, rows) for column in columns.values()), strict=True)
    body = "".join(f"<tr>{''.join(cells)}</tr>" for cells in shown)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    more = f"<p>{n - rows:,} more rows</p>" if n > rows else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cells(column: Array | Sequence[Any], rows: int) -> list[str]:
    return [f'<td style="{STYLE}">{escape(_text(value))}</td>' for value in column[:rows]]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
