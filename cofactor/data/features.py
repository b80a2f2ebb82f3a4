"""What is known of users and items beside ratings: columns of a table as sparse features, and the recipe of them."""

import difflib
import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array, hstack

from cofactor.arrays import Array, Floats, Rows, Strings
from cofactor.data.reading.text_format import is_number
from cofactor.data.vocabulary import natural_order
from cofactor.errors import BadData

ColumnKind = Literal["category", "set", "number"]
Cells = Sequence[str | None]  # of one column, by row of a table; None where nothing is known

SEPARATOR = "|"  # of the values of a set, as in "Comedy|Drama"
N_BINS = 10  # of a column of numbers
MAX_FLAG_VALUES = 2  # a column of no more than so many different numbers holds categories
MAX_VALUES = 10_000  # of a column: the commonest are features
MIN_SHARED = 0.1  # of the values in a column, at least, have to stand in another row too


@dataclass(frozen=True)
class ColumnEncoding:
    """How the cells of one column become features, each 0 or 1 but for those of sets.

    category: a feature for each value, called "occupation=student".
    set: the same for each of several values in a cell; of m known ones each is 1/√m, so that their squares sum to 1.
    number: a feature for each interval edge ≤ x < next edge, called "age<18", "age=18-24", …, "age>=56".

    A missing cell, and a value that is not known here, has no feature.
    """

    name: str
    kind: ColumnKind
    values: tuple[str, ...] = ()  # of categories and sets
    edges: tuple[float, ...] = ()  # of numbers: ascending, one fewer than there are features

    def __post_init__(self) -> None:
        numeric = self.kind == "number"
        rises = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        known = len(set(self.values)) == len(self.values) > 0 and all(self.values)
        right = rises and bool(self.edges) and all(map(math.isfinite, self.edges)) if numeric else known
        if not self.name or not right or (self.values if numeric else self.edges):
            raise BadData(f"column {self.name[:60]!r} of features has impossible values", "values and edges are unique")

    def __len__(self) -> int:
        return len(self.edges) + 1 if self.kind == "number" else len(self.values)

    @property
    def names(self) -> list[str]:
        """What its features are called."""
        if self.kind != "number":
            return [f"{self.name}={value}" for value in self.values]
        between = [_interval(low, high) for low, high in zip(self.edges, self.edges[1:], strict=False)]
        first, last = f"{self.name}<{cell_text(self.edges[0])}", f"{self.name}>={cell_text(self.edges[-1])}"
        return [first, *(f"{self.name}={one}" for one in between), last]

    def matrix(self, cells: Cells) -> csr_array:
        """(n, n_features of this column) float32 of n cells."""
        distinct = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
        places = [self._places(cell) for cell in distinct]
        indptr = np.cumsum([0, *map(len, places)], dtype=np.int32)
        indices = np.fromiter(chain.from_iterable(places), np.int32, indptr[-1])
        weights = np.repeat([1 / math.sqrt(len(one) or 1) for one in places], np.diff(indptr)).astype(np.float32)
        known = csr_array((weights, indices, indptr), shape=(len(places), len(self)))
        return known[np.fromiter((distinct[cell] for cell in cells), np.int32, len(cells))]

    def unknown_values(self, cell: str | None) -> list[str]:
        """The values in a cell that have no feature."""
        if self.kind == "number":
            return [] if cell is None or _number(cell) is not None else [cell]
        return [value for value in _values(cell, self.kind) if value not in self._place]

    def _places(self, cell: str | None) -> list[int]:
        if self.kind == "number":
            number = _number(cell)
            return [] if number is None else [bisect_right(self.edges, number)]
        return sorted(self._place[value] for value in _values(cell, self.kind) if value in self._place)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {value: place for place, value in enumerate(self.values)}


@dataclass(frozen=True)
class Encoding:
    """The recipe of features: what each column of a table becomes. It encodes rows that nobody has seen yet as well."""

    columns: tuple[ColumnEncoding, ...]

    @cached_property
    def names(self) -> Strings:
        """(n_features,) what they are called, column after column."""
        return np.array([name for column in self.columns for name in column.names], dtype=object)

    def matrix(self, table: Mapping[str, Cells]) -> csr_array:
        """(n, n_features) float32 of the n rows of a table that has every column."""
        blocks = [column.matrix(table[column.name]) for column in self.columns]
        matrix = csr_array(hstack(blocks, format="csr", dtype=np.float32))
        matrix.sort_indices()
        return matrix

    def encode(self, row: Mapping[str, Any]) -> csr_array:
        """(1, n_features) float32 of one row by column; columns that are not given are missing.

        A set is text with "|" between its values, or a list of them. Values that are not known are passed over (see
        `unknown`). Raises BadData for a column that is not known.
        """
        cells = self._cells(row)
        return self.matrix({column.name: [cells.get(column.name)] for column in self.columns})

    def unknown_values(self, row: Mapping[str, Any]) -> list[str]:
        """What `encode` passes over, as "column=value"."""
        cells = self._cells(row)
        return [f"{one.name}={value}" for one in self.columns for value in one.unknown_values(cells.get(one.name))]

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str | None]:
        known = [column.name for column in self.columns]
        for name in row:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise BadData(f"no features were made of a column {name!r}", hint)
        return {name: cell_text(value) for name, value in row.items()}


@dataclass(frozen=True, eq=False)
class Features:
    """What is known of each row of a vocabulary; checked when made, never changed.

    Those made of a table carry its encoding; those of a matrix made elsewhere need not.
    """

    names: Strings  # (n_features,)
    matrix: csr_array  # (n_rows, n_features) float32
    encoding: Encoding | None = None

    def __post_init__(self) -> None:
        matrix = csr_array(self.matrix, dtype=np.float32)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "names", np.asarray(self.names, dtype=object))
        if self.names.shape != self.matrix.shape[1:]:
            raise BadData(f"{len(self.names):,} names for {self.matrix.shape[1]:,} features", "each has one")
        if not np.isfinite(self.matrix.data).all():
            raise BadData("a feature is not a finite number", "leave out what is missing")
        if self.encoding is not None and not np.array_equal(self.encoding.names, self.names):
            raise BadData("the features are not those of their encoding", "make them from a table")

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def __repr__(self) -> str:
        return f"<{len(self.names):,} features of {len(self):,} rows>"

    @classmethod
    def from_table(cls, table: Mapping[str, Cells], kinds: Mapping[str, ColumnKind] | None = None) -> "Features | None":
        """The features of a table of texts, of the kinds given or told from the cells; None where none can be made."""
        found = (infer_encoding(name, cells, (kinds or {}).get(name)) for name, cells in table.items())
        encoding = Encoding(tuple(column for column in found if column is not None))
        return cls(encoding.names, encoding.matrix(table), encoding) if encoding.columns else None

    def take(self, rows: Rows | Array) -> "Features":
        """The features of some rows, in their order; of a row -1 nothing is known."""
        rows = np.asarray(rows)
        known = rows >= 0
        matrix = self.matrix[np.where(known, rows, 0)] if len(self) else csr_array((len(rows), len(self.names)))
        if not known.all():
            lengths = np.diff(matrix.indptr)
            keep = np.repeat(known, lengths)
            indptr = np.concatenate(([0], np.cumsum(lengths * known)))
            matrix = csr_array((matrix.data[keep], matrix.indices[keep], indptr), shape=matrix.shape)
        return replace(self, matrix=matrix)

    def encode(self, row: Mapping[str, Any]) -> csr_array:
        """(1, n_features) of a row that is not among these, as in `Encoding.encode`; BadData without an encoding."""
        return self._encoding.encode(row)

    def unknown_values(self, row: Mapping[str, Any]) -> list[str]:
        """The values that `encode` passes over, as "column=value"."""
        return self._encoding.unknown_values(row)

    @property
    def _encoding(self) -> Encoding:
        if self.encoding is None:
            raise BadData("these features were made of a matrix, not of a table", "give the new row of that matrix")
        return self.encoding


def infer_encoding(name: str, cells: Cells, kind: ColumnKind | None = None) -> ColumnEncoding | None:
    """How to encode a column, of a kind or what its cells look like; None for one that says nothing.

    A column where every value is a number is one of numbers, if there are more than two; one with "|" in it is of sets.
    Numbers are cut into at most 10 intervals that hold about equally many rows (each number alone, where there are so
    few): a factor model then gives each its own effect, in no set shape. From text where hardly a value stands in two
    rows (a title, an address) nothing can be learned of other rows.
    """
    counts = Counter(cell for cell in cells if cell is not None)
    if kind is None:
        kind = "set" if any(SEPARATOR in cell for cell in counts) else "category"
        if len(counts) > MAX_FLAG_VALUES and all(_number(cell) is not None for cell in counts):
            kind = "number"
    if kind == "number":
        numbers = map(_number, cells)
        edges = _edges(np.array([number for number in numbers if number is not None]))
        return ColumnEncoding(name, "number", edges=edges) if edges else None
    values: Counter[str] = Counter()
    for one, times in counts.items():
        for value in _values(one, kind):
            values[value] += times
    shared = sum(times for times in values.values() if times > 1)
    if shared == 0 or shared < MIN_SHARED * values.total():
        return None
    commonest = sorted(values.items(), key=lambda one: (-one[1], one[0]))[:MAX_VALUES]
    return ColumnEncoding(name, kind, tuple(natural_order(value for value, _ in commonest)))


def cell_text(value: Any) -> str | None:
    """A value as the text of a cell; None where it is missing. A whole float is written as the integer it is."""
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return cell_text(SEPARATOR.join(sorted(filter(None, map(cell_text, value)))))
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating):
        whole = float(value).is_integer() and abs(float(value)) < 1e15
        return None if math.isnan(value) else f"{value:.0f}" if whole else str(value)
    return None if value is None else str(value).strip() or None


def _values(cell: str | None, kind: ColumnKind) -> list[str]:
    if cell is None:
        return []
    parts = cell.split(SEPARATOR) if kind == "set" else [cell]
    return list(dict.fromkeys(value for part in parts if (value := part.strip())))


def _number(cell: str | None) -> float | None:
    number = float(cell) if cell is not None and is_number(cell) else math.nan
    return number if math.isfinite(number) else None


def _edges(numbers: Floats | Array) -> tuple[float, ...]:
    distinct = np.unique(numbers)
    if len(distinct) > N_BINS:
        distinct = np.unique([distinct[0], *np.quantile(numbers, np.arange(1, N_BINS) / N_BINS, method="higher")])
    return tuple(distinct[1:].tolist())


def _interval(low: float, high: float) -> str:
    if low < 0 or not low.is_integer() or not high.is_integer():
        return f"[{cell_text(low)},{cell_text(high)})"
    return f"{low:.0f}" if high - low == 1 else f"{low:.0f}-{high - 1:.0f}"
