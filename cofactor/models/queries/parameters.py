"""The parameters of a model by user or item, with their ids."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Array, Strings
from cofactor.data.ratings import TrainingData
from cofactor.data.tables.tabular import Tabular
from cofactor.data.vocabulary import Vocabulary
from cofactor.models.queries.ids import Id, known_row

Shapes = Mapping[str, tuple[int | str, ...]]  # of the arrays of a model by name
OF_USERS, OF_ITEMS = -1_000, -2_000  # in shapes: no length that any array has


@dataclass(frozen=True, eq=False)
class ModelParameters(Tabular):
    """The values of one parameter, such as the vectors of all users: one for each id.

    `parameters["196"]` is the value of an id (UnknownId where there is none), `numpy.asarray(parameters)` all of them.
    """

    name: str
    vocabulary: Vocabulary
    values: Array  # (n, …), read-only, by row of `ids`

    @property
    def ids(self) -> Strings:
        """(n,) ids of the users or items."""
        return self.vocabulary.ids

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, id_: Id) -> Array:
        value: Array = self.values[known_row(self.vocabulary, id_)]
        return value

    def __array__(self, dtype: np.dtype[np.generic] | None = None, copy: bool | None = None) -> Array:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<{self.name} of {len(self):,} {self.vocabulary.noun}s: {self.values.shape}, {self.values.dtype}>"

    def columns(self) -> dict[str, Array]:
        """The column of ids, `user` or `item`, and one column for each number: `bias`, or `0`, `1`, … of a vector."""
        flat = self.values.reshape(len(self), -1)
        names = [self.name] if self.values.ndim == 1 else map(str, range(flat.shape[1]))
        return {self.vocabulary.noun: self.ids} | {name: flat[:, place] for place, name in enumerate(names)}


def parameters_of(
    training_data: TrainingData, shapes: Callable[[int, int], Shapes], arrays: Mapping[str, Array]
) -> dict[str, ModelParameters]:
    """Those of a model's arrays that have a value for each user or each item; shapes: as `ScoringModel.shapes`."""
    vocabularies = {OF_USERS: training_data.users, OF_ITEMS: training_data.items}
    return {
        name: ModelParameters(name, vocabularies[shape[0]], arrays[name])
        for name, shape in shapes(OF_USERS, OF_ITEMS).items()
        if name in arrays and shape and shape[0] in vocabularies
    }
