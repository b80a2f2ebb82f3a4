"""Objects that are tables of columns: they convert to the tables of other libraries."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from cofactor.arrays import Array
from cofactor.data.tables import frame_conversion
from cofactor.data.tables.html_table import html_table, show_value
from cofactor.data.tables.text_table import TextTable


class Tabular(ABC):
    """A table of (n,) columns; each conversion raises Unavailable where its library is not installed."""

    @abstractmethod
    def columns(self) -> dict[str, Array]:
        """(n,) columns by name."""

    def to_pandas(self) -> Any:
        """`columns` as a pandas.DataFrame."""
        return frame_conversion.to_pandas(self.columns())

    def to_polars(self) -> Any:
        """`columns` as a polars.DataFrame."""
        return frame_conversion.to_polars(self.columns())

    def to_arrow(self) -> Any:
        """`columns` as a pyarrow.Table."""
        return frame_conversion.to_arrow(self.columns())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """`columns` as a stream of the Arrow C interface, by which other libraries take the object itself."""
        return frame_conversion.arrow_stream(self.columns(), requested_schema)

    def _repr_html_(self) -> str:
        return html_table(self.columns())


@dataclass(frozen=True, eq=False, repr=False)
class ColumnTable(Tabular):
    """A small table of (n,) columns; `str` shows all of it."""

    named: dict[str, Array]

    def columns(self) -> dict[str, Array]:
        return self.named

    def __len__(self) -> int:
        return len(next(iter(self.named.values()), ()))

    def __repr__(self) -> str:
        rows = [[show_value(cell) for cell in row] for row in zip(*self.named.values(), strict=True)]
        return str(TextTable(rows, list(self.named), left=len(self.named)))
