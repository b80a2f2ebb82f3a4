"""Features of users and items: the columns of a table encoded as a sparse matrix, and the encoding itself."""

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
from cofactor.data.reading.formats.number_text import is_number
from cofactor.data.vocabulary import natural_order
from cofactor.errors import BadData

ColumnKind = Literal["category", "set", "number"]
Cells = Sequence[str | None]  # the texts of one column, by row; None where a value is missing

SEPARATOR = "|"  # between the values of a set, as in "Comedy|Drama"
N_BINS = 10  # intervals of a column of numbers
MAX_FLAG_VALUES = 2  # a column with at most this many different numbers holds categories
MAX_VALUES = 10_000  # of a column: the most frequent values are features
MIN_SHARED = 0.1  # share of the values of a column that must occur in more than one row


@dataclass(frozen=True)
class ColumnEncoding:
    """The encoding of one column: its features are 0 or 1, except those of sets.

    category: a feature for each value, called "occupation=student".
    set: the same for cells of several values. Each of m known values is 1/√m, so that the squares of a row sum to 1.
    number: a feature for each interval edge ≤ x < next edge, called "age<18", "age=18-24", …, "age>=56".

    A missing cell and an unknown value have no feature.
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
        """The names of its features."""
        if self.kind != "number":
            return [f"{self.name}={value}" for value in self.values]
        between = [_interval(low, high) for low, high in zip(self.edges, self.edges[1:], strict=False)]
        first, last = f"{self.name}<{cell_text(self.edges[0])}", f"{self.name}>={cell_text(self.edges[-1])}"
        return [first, *(f"{self.name}={one}" for one in between), last]

    def matrix(self, cells: Cells) -> csr_array:
        """(n, n_features) float32 matrix of n cells."""
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
    """The encoding of a table: one encoding per column. It can encode new rows as well."""

    columns: tuple[ColumnEncoding, ...]

    @cached_property
    def names(self) -> Strings:
        """(n_features,) names of the features, column after column."""
        return np.array([name for column in self.columns for name in column.names], dtype=object)

    def matrix(self, table: Mapping[str, Cells]) -> csr_array:
        """(n, n_features) float32 matrix of the n rows of a table, which must have every column."""
        blocks = [column.matrix(table[column.name]) for column in self.columns]
        matrix = csr_array(hstack(blocks, format="csr", dtype=np.float32))
        matrix.sort_indices()
        return matrix

    def encode(self, row: Mapping[str, Any]) -> csr_array:
        """(1, n_features) float32 matrix of one row, given by column; a column that is not given is missing.

        A set is a list of values, or text with "|" between them. Unknown values are ignored (see `unknown_values`).
        Raises BadData for an unknown column.
        """
        cells = self._cells(row)
        return self.matrix({column.name: [cells.get(column.name)] for column in self.columns})

    def unknown_values(self, row: Mapping[str, Any]) -> list[str]:
        """The values of a row that `encode` ignores, as "column=value"."""
        cells = self._cells(row)
        return [f"{one.name}={value}" for one in self.columns for value in one.unknown_values(cells.get(one.name))]

    def _cells(self, row: Mapping[str, Any]) -> dict[str, str | None]:
        known = [column.name for column in self.columns]
        for name in row:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise BadData(f"there are no features of a column {name!r}", hint)
        return {name: cell_text(value) for name, value in row.items()}


@dataclass(frozen=True, eq=False)
class Features:
    """The features of each row of a vocabulary; immutable, and checked on creation.

    Features of a table carry its encoding; features of a matrix need not have one.
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
        """The features of a table of texts, of given or inferred kinds; None where no column has features."""
        found = (infer_encoding(name, cells, (kinds or {}).get(name)) for name, cells in table.items())
        encoding = Encoding(tuple(column for column in found if column is not None))
        return cls(encoding.names, encoding.matrix(table), encoding) if encoding.columns else None

    def take(self, rows: Rows | Array) -> "Features":
        """The features of some rows, in that order; a row -1 has no features."""
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
        """(1, n_features) features of a new row, as in `Encoding.encode`; raises BadData without an encoding."""
        return self._encoding.encode(row)

    def unknown_values(self, row: Mapping[str, Any]) -> list[str]:
        """The values of a row that `encode` ignores, as "column=value"."""
        return self._encoding.unknown_values(row)

    @property
    def _encoding(self) -> Encoding:
        if self.encoding is None:
            raise BadData("these features were made of a matrix, not of a table", "give the new row of that matrix")
        return self.encoding


def infer_encoding(name: str, cells: Cells, kind: ColumnKind | None = None) -> ColumnEncoding | None:
    """The encoding of a column of the given kind, or of the kind its cells suggest; None for a column without use.

    A column in which every value is a number, with more than two different ones, is a column of numbers; a column with
    "|" in a cell is a column of sets; any other is a column of categories. Numbers are cut into at most 10 intervals
    with about equally many rows (up to 10 different numbers each have an interval), so that a model can learn an
    effect of any shape. A column of text is without use where fewer than 10 % of its values occur in two rows, as in
    titles and addresses: it says nothing about other rows.
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
    """The text of a value in a table; None where it is missing. A whole float is written as an integer."""
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
