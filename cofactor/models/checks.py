"""Checks of the arrays of a saved model and of the arguments of queries."""

from collections.abc import Collection, Mapping

import numpy as np

from cofactor.arrays import Array, Rows
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadArtifact, BadData


def check_n(n: object) -> None:
    """Raises BadData for a length of a list that is no whole number."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool):
        raise BadData(f"n is {n!r}", "n is the length of the list: a whole number")


def check_arrays(
    kind: str,
    expected: Mapping[str, tuple[int | str, ...]],
    arrays: Mapping[str, Array],
    *,
    optional: Collection[str],
    indices: Collection[str],
) -> None:
    """Raises BadArtifact if an array is missing, unknown, of a wrong shape or type, or not finite.

    kind: of the model, for messages. expected: the shape of each array by name, as in `ScoringModel.shapes`. optional:
    the names that may be missing. indices: the names of arrays of row numbers.
    """
    for name in expected.keys() - arrays.keys() - set(optional):
        raise BadArtifact(f"the {kind} model has no array {name!r}", "the folder is incomplete: save the model again")
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        if name not in expected:
            raise BadArtifact(f"a {kind} model has no array called {name[:60]!r}", "the folder holds something else")
        wanted = tuple(
            sizes.setdefault(n, have) if isinstance(n, str) else n
            for n, have in zip(expected[name], array.shape, strict=False)
        )
        if array.shape != wanted or len(expected[name]) != array.ndim:
            raise BadArtifact(f"array {name!r} is {array.shape}, not {expected[name]}", "the folder is damaged")
        if array.dtype not in _dtypes(name in indices, array.ndim):
            hint = "arrays are of float32, row numbers of int32 or int64, single numbers of float64"
            raise BadArtifact(f"array {name!r} is of {array.dtype}", hint)
        if not np.isfinite(array).all():
            raise BadArtifact(f"array {name!r} holds NaN or infinity", "the folder is damaged: save the model again")


def _dtypes(is_index: bool, ndim: int) -> tuple[type, ...]:
    if is_index:
        return np.int32, np.int64
    return (np.float32,) if ndim else (np.float64,)


def check_rows(rows: Rows, vocabulary: Vocabulary, *, unknown: bool = False) -> Rows:
    """Rows as an array; raises BadData for one outside the vocabulary. With `unknown`, -1 stands for an unknown id."""
    rows, n, noun = np.asarray(rows), len(vocabulary), vocabulary.noun
    bad = np.flatnonzero((rows < -int(unknown)) | (rows >= n))
    if len(bad):
        raise BadData(f"{noun} row {rows[bad[0]]} of {n:,}", f"rows come from the model's own {noun} vocabulary")
    return rows


def check_length(n: int) -> int:
    if n < 0:
        raise BadData(f"a list of {n} entries cannot be made", "n and why are 0 or more")
    return n
