"""Training by mini-batch gradient descent: of a product of vectors, a deep network, or both."""

from contextlib import ExitStack
from math import sqrt
from typing import Any, Self

import numpy as np

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.models.base import Model
from cofactor.trainers.base import IterativeTrainer
from cofactor.trainers.minibatch.cpu_tables import CpuTables
from cofactor.trainers.minibatch.parameters import Parameters
from cofactor.trainers.minibatch.settings import OptimizationSettings
from cofactor.trainers.minibatch.torch_tables import TorchTables
from cofactor.trainers.minibatch.warm_start import parameters_from_models
from cofactor.training.epoch import Snapshot, WarmStart
from cofactor.training.learning_rate import SCHEDULES
from cofactor.training.snapshot import check_arrays
from cofactor.training.state import EpochMetrics, TrainingState
from cofactor.training.torch_device import training_device


class MiniBatchTrainer(IterativeTrainer):
    """Raises Unavailable where PyTorch is needed and not installed."""

    def optimization(self) -> OptimizationSettings:
        return OptimizationSettings.from_trainer(self)

    def training_state(self) -> type[TrainingState[Any]]:
        return MiniBatchTrainingState


class MiniBatchTrainingState(TrainingState[MiniBatchTrainer]):
    """The parameters with their optimizer's state, on the CPU or on an accelerator."""

    def __init__(
        self, settings: OptimizationSettings, ratings: Ratings, resources: ExitStack, start: Parameters
    ) -> None:
        self.settings, self.ratings, n = settings, ratings, len(ratings)
        self.n_epochs, self.batch_size = settings.epochs_planned(n), settings.ratings_per_batch(n)
        self.batches_per_epoch = settings.batches_per_epoch(n)
        self.n_batches = settings.steps or settings.n_epochs * self.batches_per_epoch
        self.unit, self.mean_square = start.unit, 0.0
        self.tables: CpuTables | TorchTables
        if settings.device == "cpu":
            if settings.deep_rank:
                resources.enter_context(training_device(settings.name, "cpu", 1))
            self.tables = CpuTables(start, settings, self.batch_size)
        else:
            device = resources.enter_context(training_device(settings.name, settings.device, 1))
            self.tables = TorchTables(start, settings, device)

    @classmethod
    def init(cls, trainer: MiniBatchTrainer, ratings: Ratings, resources: ExitStack) -> Self:
        settings = trainer.optimization()
        return cls(settings, ratings, resources, Parameters.initial(settings, ratings))

    @classmethod
    def from_model(cls, trainer: MiniBatchTrainer, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        settings = trainer.optimization()
        start = parameters_from_models(Parameters.initial(settings, ratings), model, trainer.name, ratings)
        return cls(settings, ratings, resources, start)

    @classmethod
    def from_snapshot(
        cls, trainer: MiniBatchTrainer, ratings: Ratings, resources: ExitStack, snapshot: Snapshot
    ) -> Self:
        state = cls.init(trainer, ratings, resources)
        check_arrays(snapshot, state.state_dict(), trainer.name)
        state.tables.load_state_dict(snapshot.arrays)
        return state

    def step(self, number: int) -> EpochMetrics:
        """The ratings in the order of this epoch; each counts in the metrics as it was just before its batch."""
        rng, n = np.random.default_rng((self.settings.seed, number)), len(self.ratings)
        order, n_before = rng.permutation(n), (number - 1) * self.batches_per_epoch
        n_batches = min(self.batches_per_epoch, self.n_batches - n_before)
        keys = rng.integers(1 << 63, size=(n_batches, len(self.settings.layout.hidden) + 1))
        user, item, value = self.ratings.user[order], self.ratings.item[order], self.ratings.value[order]
        columns: tuple[Any, Any, Any] = self.tables.columns(user, item, value / np.float32(self.unit))
        squared, penalty = 0.0, 0.0
        for batch in range(n_batches):
            rows = slice(batch * self.batch_size, (batch + 1) * self.batch_size)
            u, i, r = (column[rows] for column in columns)
            sums = self.tables.learn(u, i, r, keys[batch], self._rate(n_before + batch), n_before + batch)
            squared, penalty = squared + sums[0], penalty + sums[1]
        self.tables.apply_delayed_updates(self._rate(n_before + n_batches - 1), n_before + n_batches)
        per_rating = self.unit**2 / min(n, n_batches * self.batch_size)
        self.mean_square = float(squared) * per_rating
        rmse = sqrt(self.mean_square) if self.mean_square >= 0 else float("nan")
        return EpochMetrics(rmse, self._rate(n_before), float(squared + penalty) * per_rating)

    def _rate(self, n_batches: int) -> float:
        """The learning rate after so many batches."""
        schedule = SCHEDULES[self.settings.schedule]
        return self.settings.learning_rate * schedule(min(1.0, n_batches / self.n_batches))

    def to_model(self) -> Model:
        return self.tables.parameters().to_model(self.settings, self.ratings, self.mean_square)

    def state_dict(self) -> dict[str, Array]:
        return self.tables.state_dict()
