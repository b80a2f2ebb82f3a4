"""Tables as plain text, with aligned columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich.cells import cell_len

from cofactor.control_characters import escape_controls

__all__ = ["Paragraph", "TextTable", "format_number"]


@dataclass(frozen=True)
class TextTable:
    """Rows of text under headings; `str` aligns the columns.

    left: number of columns, counted from the left, that hold words and are aligned to the left. The others hold
        numbers and are aligned to the right.
    """

    rows: Sequence[Sequence[str]]
    columns: Sequence[str]
    left: int = 1

    def visible_rows(self) -> list[list[str]]:
        """The rows with control characters escaped: titles and ids may hold any."""
        return [[escape_controls(cell) for cell in row] for row in self.rows]

    def __str__(self) -> str:
        """Rows as lines, each column as wide as its widest cell on a terminal."""
        lines = [self.columns, *self.visible_rows()]
        widths = [max(cell_len(line[n]) for line in lines) for n in range(len(self.columns))]

        def padded(cell: str, n: int) -> str:
            space = " " * (widths[n] - cell_len(cell))
            return cell + space if n < self.left else space + cell

        return "\n".join("  ".join(padded(cell, n) for n, cell in enumerate(line)).rstrip() for line in lines)


Paragraph: TypeAlias = str | TextTable  # a part of a text: `print(*paragraphs, sep="\n")` prints all of them


def format_number(value: float | None, digits: int = 4) -> str:
    """A number with fixed decimals; a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"
