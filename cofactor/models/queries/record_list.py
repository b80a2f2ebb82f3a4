"""Lists of records, such as recommendations, that are also tables."""

from dataclasses import fields
from typing import ClassVar, Generic, TypeVar

import numpy as np

from cofactor.arrays import Array
from cofactor.data.tables.tabular import ColumnTable, Tabular

Record = TypeVar("Record")
DTYPES = {str: np.dtype(object), float: np.dtype(np.float64), int: np.dtype(np.int64)}


class RecordList(list[Record], Tabular, Generic[Record]):
    """A list of dataclasses of one type, and a table with their fields of text and numbers as columns."""

    record: ClassVar[type]
    ranked: ClassVar[bool] = False  # whether the table has a first column `rank`, from 1

    def __str__(self) -> str:
        return str(ColumnTable(self.columns()))

    def columns(self) -> dict[str, Array]:
        """(n,) columns by name."""
        columns: dict[str, Array] = {"rank": np.arange(1, len(self) + 1)} if self.ranked else {}
        for field in fields(self.record):
            if field.type in DTYPES:
                values = [getattr(one, field.name) for one in self]
                columns[field.name] = np.array(values, dtype=DTYPES[field.type])
        return columns
