"""What the arrays of a saved model must be, before anything is computed with them."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from cofactor.arrays import Array
from cofactor.errors import BadArtifact

if TYPE_CHECKING:
    from cofactor.models.base import Model


def check_arrays(
    cls: "type[Model]", expected: Mapping[str, tuple[int | str, ...]], arrays: Mapping[str, Array]
) -> None:
    """Raises BadArtifact where an array is missing, unknown, misshapen, of another type, or not finite.

    expected: the shape of each by name, as in `Model.shapes`.
    """
    optional = {f.name for f in fields(cls) if f.default is None}
    for name in expected.keys() - arrays.keys() - optional:
        raise BadArtifact(
            f"the {cls.kind} model has no array {name!r}", "the folder is incomplete: save the model again"
        )
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        if name not in expected:
            raise BadArtifact(
                f"a {cls.kind} model has no array called {name[:60]!r}", "the folder holds something else"
            )
        wanted = tuple(
            sizes.setdefault(n, have) if isinstance(n, str) else n
            for n, have in zip(expected[name], array.shape, strict=False)
        )
        if array.shape != wanted or len(expected[name]) != array.ndim:
            raise BadArtifact(f"array {name!r} is {array.shape}, not {expected[name]}", "the folder is damaged")
        if array.dtype not in _dtypes(name in cls.indices, array.ndim):
            hint = "arrays are of float32, row numbers of int32 or int64, single numbers of float64"
            raise BadArtifact(f"array {name!r} is of {array.dtype}", hint)
        if not np.isfinite(array).all():
            raise BadArtifact(f"array {name!r} holds NaN or infinity", "the folder is damaged: save the model again")


def _dtypes(indices: bool, ndim: int) -> tuple[type, ...]:
    if indices:
        return np.int32, np.int64
    return (np.float32,) if ndim else (np.float64,)
