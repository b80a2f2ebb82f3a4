"""An epoch, one pass of a training over its ratings; its snapshot; and the protocol of what yields epochs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

from cofactor.arrays import Array
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings
from cofactor.models.base import Model
from cofactor.training.hyperparameter import Hyperparameter

__all__ = ["Epoch", "Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """The complete state of a training after one of its epochs, from which it resumes bit for bit."""

    number: int  # of the epoch
    arrays: Mapping[str, Array]  # float32, float64, int32 or int64; copies, which later epochs do not change


WarmStart = Model | Mapping[str, Model]  # a model to start training from, or several by the names of the parts


class Epoch:
    """A usable model after one pass over the ratings.

    number: from 1; n_epochs: how many are planned.
    model: the model, or a function that builds it from arrays that later epochs do not change; it is called once, when
        the model is first used. objective: likewise the value of the objective per rating, penalties included.
    train_rmse: over the pass, each rating predicted just before it was learned; None where it is not measured.
    state: a function that returns the arrays of a snapshot; None where training cannot be resumed.
    """

    def __init__(
        self,
        number: int,
        n_epochs: int,
        model: Model | Callable[[], Model],
        train_rmse: float | None = None,
        learning_rate: float | None = None,
        objective: float | Callable[[], float] | None = None,
        state: Callable[[], Mapping[str, Array]] | None = None,
    ) -> None:
        self.number, self.n_epochs = number, n_epochs
        self.train_rmse, self.learning_rate, self.state = train_rmse, learning_rate, state
        self._model, self._objective = model, objective

    @cached_property
    def model(self) -> Model:
        return self._model if isinstance(self._model, Model) else self._model()

    @cached_property
    def objective(self) -> float | None:
        return self._objective() if callable(self._objective) else self._objective

    def snapshot(self) -> Snapshot | None:
        """The snapshot from which `epochs(ratings, resume=…)` resumes; only before the next epoch is requested."""
        return None if self.state is None else Snapshot(self.number, self.state())


class TrainerProtocol(Protocol):
    """What a training needs of a trainer."""

    one_step: ClassVar[bool]

    @property
    def name(self) -> str: ...
    def settings(self) -> dict[str, Any]: ...
    def hyperparameters(self) -> list[Hyperparameter]: ...
    def only_ranks(self, kind: Kind) -> bool: ...
    def select_positives(self, train: Ratings, held_out: Ratings) -> Ratings: ...
    def training_note(self, ratings: Ratings) -> str | None: ...
    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]: ...
