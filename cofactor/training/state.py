"""The state of one training between two epochs, and the loop that makes epochs of it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, TrainingDiverged
from cofactor.models.base import Model
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.snapshot import check_arrays
from cofactor.training.warm_start import no_warm_start

LARGE_INIT = 10.0  # standard deviation of initial numbers, with which no training converges


class NamedSettings(Protocol):
    """What the loop has to know of a trainer."""

    @property
    def name(self) -> str: ...
    def settings(self) -> dict[str, Any]: ...


Settings = TypeVar("Settings", bound=NamedSettings)


@dataclass(frozen=True)
class EpochMetrics:
    """What an epoch measures while it trains; None for what a trainer does not measure."""

    train_rmse: float | None = None
    learning_rate: float | None = None
    objective: float | Callable[[], float] | None = (
        None  # per rating, penalties included; a function where it is costly
    )


class TrainingState(ABC, Generic[Settings]):
    """Everything that one training changes from epoch to epoch, beside the ratings in the order that it needs.

    Each trainer has one such class. Its constructor is private to it: `init`, `from_model` and `from_snapshot` make a
    state, `step` trains one epoch, `to_model` and `state_dict` copy what was learned.

    resources: what the training holds while it runs, such as thread pools, is entered there and closed with it.
    """

    n_epochs: int  # planned in all

    @classmethod
    @abstractmethod
    def init(cls, trainer: Settings, ratings: Ratings, resources: ExitStack) -> Self:
        """The state before the first epoch, of random numbers or zeros."""

    @classmethod
    def from_model(cls, trainer: Settings, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        """The state before the first epoch of a training that starts from a model, or from several by name.

        Raises BadHyperparameter where the trainer cannot start from such a model, SplitMismatch where the model was
        trained on another split.
        """
        raise no_warm_start(trainer.name)

    @classmethod
    @abstractmethod
    def from_snapshot(cls, trainer: Settings, ratings: Ratings, resources: ExitStack, snapshot: Snapshot) -> Self:
        """The state after the epoch of a snapshot.

        Raises BadArtifact where the arrays of the snapshot are not those of this trainer and these ratings.
        """

    @abstractmethod
    def step(self, number: int) -> EpochMetrics:
        """Trains epoch `number`, counted from 1."""

    @abstractmethod
    def to_model(self) -> Model | Callable[[], Model]:
        """The model after the last step, or a function that builds it of copies that later steps leave alone."""

    @abstractmethod
    def state_dict(self) -> dict[str, Array]:
        """Copies of the arrays by which `from_snapshot` makes this state again."""


class ArrayState(TrainingState[Settings]):
    """A state that is a fixed set of NumPy arrays, which steps change in place."""

    @property
    @abstractmethod
    def arrays(self) -> Mapping[str, Array]:
        """The arrays themselves, by the names under which snapshots have them."""

    @classmethod
    def from_snapshot(cls, trainer: Settings, ratings: Ratings, resources: ExitStack, snapshot: Snapshot) -> Self:
        state = cls.init(trainer, ratings, resources)
        check_arrays(snapshot, state.arrays, trainer.name)
        for name, array in state.arrays.items():
            array[...] = snapshot.arrays[name]
        return state

    def state_dict(self) -> dict[str, Array]:
        return {name: array.copy() for name, array in self.arrays.items()}


def run_epochs(
    trainer: Settings,
    state_type: type[TrainingState[Settings]],
    ratings: Ratings,
    resume: Snapshot | None,
    warm_start: WarmStart | None,
) -> Iterator[Epoch]:
    """Trains epoch by epoch and yields each one. A resumed training has had its warm start: the snapshot counts alone.

    Raises BadData where there are no ratings, TrainingDiverged where errors are not finite, and what the state raises.
    """
    check_not_empty(ratings)
    with ExitStack() as resources:
        if resume is not None:
            state = state_type.from_snapshot(trainer, ratings, resources, resume)
        elif warm_start is not None:
            state = state_type.from_model(trainer, ratings, resources, warm_start)
        else:
            state = state_type.init(trainer, ratings, resources)
        n_done = 0 if resume is None else resume.number
        for number in range(n_done + 1, state.n_epochs + 1):
            with np.errstate(over="ignore", invalid="ignore"):  # of a training that diverges, which is checked below
                metrics = state.step(number)
            _check_finite(trainer, number, metrics)
            yield Epoch(
                number,
                state.n_epochs,
                state.to_model(),
                metrics.train_rmse,
                metrics.learning_rate,
                metrics.objective,
                state.state_dict,
            )


def check_not_empty(ratings: Ratings) -> None:
    """Raises BadData where there are no ratings to train on."""
    if len(ratings) == 0:
        raise BadData("no ratings to train on", "give the split a larger training part")


def _check_finite(trainer: NamedSettings, number: int, metrics: EpochMetrics) -> None:
    measured = (metrics.train_rmse, None if callable(metrics.objective) else metrics.objective)
    if all(value is None or math.isfinite(value) for value in measured):
        return
    hint = divergence_hint(trainer.settings())
    raise TrainingDiverged(f"{trainer.name}: the errors grew without bound in epoch {number}", hint)


def divergence_hint(settings: Mapping[str, Any]) -> str:
    """The hyperparameter to change after a training that diverged."""
    init, rate = settings.get("init"), settings.get("learning_rate")
    if isinstance(init, float) and init > LARGE_INIT:
        return f"lower init, now {init:g}"
    return "raise the penalties" if rate is None else f"lower the learning rate, now {rate:g}"
