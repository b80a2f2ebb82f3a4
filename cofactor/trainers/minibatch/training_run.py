"""Gradient descent on mini-batches, for a product, a deep network, or both."""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, fields
from math import ceil, isfinite
from typing import Any, Self

import numpy as np

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter, TrainingDiverged
from cofactor.models.base import Model
from cofactor.trainers.base import Trainer
from cofactor.trainers.minibatch.cpu_tables import HostTables, Pulls
from cofactor.trainers.minibatch.layers import parts, size
from cofactor.trainers.minibatch.optimizers import optimiser
from cofactor.trainers.minibatch.parameters import Layout, Parameters
from cofactor.trainers.minibatch.schedules import SCHEDULES
from cofactor.trainers.minibatch.torch_tables import DeviceTables
from cofactor.trainers.minibatch.warm_start import take_over
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.snapshot import check_arrays
from cofactor.training.torch_device import training_device

BATCHES = 1000  # a pass has, where the size of a batch is left to us
SMALLEST, LARGEST = 32, 1 << 16  # such a batch


@dataclass(frozen=True)
class Plan:
    """Hyperparameters of any of the trainers; what one does not have is as here."""

    name: str
    optimiser: str
    momentum: float
    learning_rate: float
    schedule: str
    batch_size: int
    n_epochs: int
    steps: int
    dropout: float
    bias_l2: float
    seed: int
    device: str
    rank: int = 0
    l2: float = 0
    init: float = 0
    deep_rank: int = 0
    deep_l2: float = 0
    deep_init: float = 0
    layers: str = ""
    layer_l2: float = 0
    layer_rate: float = 0

    @classmethod
    def of(cls, trainer: Trainer, **changed: Any) -> Self:
        have = {one.name: getattr(trainer, one.name) for one in fields(cls) if hasattr(trainer, one.name)}
        return cls(**{**have, **changed})

    @property
    def layout(self) -> Layout:
        return Layout(self.rank, self.deep_rank, hidden(self.name, self.layers) if self.deep_rank else ())

    def batch(self, n: int) -> int:
        """Of n ratings, how many a batch has."""
        return self.batch_size or min(max(n // BATCHES, SMALLEST), LARGEST)

    def passes(self, n: int) -> int:
        """Over n ratings; of `steps` the last one may be cut short."""
        return ceil(self.steps / self.batches(n)) if self.steps else self.n_epochs

    def batches(self, n: int) -> int:
        return ceil(n / self.batch(n))

    def pulls(self) -> Pulls:
        layout = self.layout
        rows, layers = np.zeros((1, layout.width), np.float32), np.zeros(size(layout.widths), np.float32)
        layout.product(rows)[:], layout.deep(rows)[:], rows[0, layout.bias] = self.l2, self.deep_l2, self.bias_l2
        for weight, _ in parts(layers, layout.widths):
            weight[:] = self.layer_l2
        return Pulls(rows[0], layers)


def hidden(trainer: str, layers: str) -> tuple[int, ...]:
    """The widths in "64,32,16,8"; raises BadHyperparameter for anything else."""
    words = [word.strip() for word in layers.split(",")] if layers.strip() else []
    if not all(word.isascii() and word.isdigit() and 0 < int(word) <= 1 << 14 for word in words):
        raise BadHyperparameter(f"{trainer}: layers is {layers!r}", "it is the widths of hidden layers: 64,32,16,8")
    return tuple(int(word) for word in words)


def descend(plan: Plan, ratings: Ratings, resume: Snapshot | None, warm_start: WarmStart | None) -> Iterator[Epoch]:
    """The epochs of a plan.

    Raises BadData for no ratings, BadHyperparameter where errors overflow or a model to start from has other widths,
    SplitMismatch where that was trained on another split, Unavailable where PyTorch is needed and not there.
    """
    if len(ratings) == 0:
        raise BadData("no ratings to train on", "give the split a larger training part")
    on_host = plan.device == "cpu" and not plan.deep_rank
    with nullcontext(None) if on_host else training_device(plan.name, plan.device, 1) as device:
        course = _Course(plan, ratings, device)
        first = course.start(resume, warm_start)
        of = plan.passes(len(ratings))
        for number in range(first + 1, of + 1):
            rate = course.rate((number - 1) * plan.batches(len(ratings)))
            error, loss = course.learn(number)
            if not (isfinite(error) and isfinite(loss)):
                message = f"{plan.name}: the errors grew without bound in epoch {number}"
                raise TrainingDiverged(message, f"lower the learning rate, now {plan.learning_rate:g}")
            yield Epoch(number, of, course.model(error), float(np.sqrt(error)), rate, loss, course.state)


class _Course:
    """Training under way."""

    def __init__(self, plan: Plan, ratings: Ratings, device: Any) -> None:
        self.plan, self.ratings, self.device = plan, ratings, device
        self.size, n = plan.batch(len(ratings)), len(ratings)
        self.steps = plan.steps or plan.n_epochs * plan.batches(n)

    def start(self, resume: Snapshot | None, warm_start: WarmStart | None) -> int:
        """Lays out the tables; returns the number of the epoch that was the last."""
        plan, ratings = self.plan, self.ratings
        self.parameters = Parameters.drawn(plan, ratings)
        if resume is None and warm_start is not None:
            take_over(self.parameters, warm_start, plan.name, ratings)
        how = optimiser(plan.optimiser, plan.momentum)
        about = self.parameters, plan.pulls(), how, plan.dropout, plan.layer_rate
        self.tables: HostTables | DeviceTables
        if plan.device == "cpu":
            self.tables = HostTables(*about, self.size)
        else:
            self.tables = DeviceTables(*about, self.device)
        return 0 if resume is None else self._go_on(resume)

    def _go_on(self, snapshot: Snapshot) -> int:
        check_arrays(snapshot, self.state(), self.plan.name)
        self.tables.recall(snapshot.arrays)
        self.parameters.mean = self.tables.mean = float(snapshot.arrays["mean"])
        return snapshot.number

    def rate(self, step: int) -> float:
        return self.plan.learning_rate * SCHEDULES[self.plan.schedule](min(1.0, step / self.steps))

    def learn(self, number: int) -> tuple[float, float]:
        """The ratings in the order of this epoch; mean squared error and loss, of each rating before it was learned."""
        rng, n = np.random.default_rng((self.plan.seed, number)), len(self.ratings)
        order, batches = rng.permutation(n), self.plan.batches(n)
        done = (number - 1) * batches
        n_batches = min(batches, self.steps - done)
        keys = rng.integers(1 << 63, size=(n_batches, len(self.plan.layout.hidden) + 1))
        user, item, value = self.ratings.user[order], self.ratings.item[order], self.ratings.value[order]
        columns = self.tables.columns(user, item, value / np.float32(self.parameters.unit))
        squared, penalty = 0.0, 0.0
        for batch in range(n_batches):
            here = slice(batch * self.size, (batch + 1) * self.size)
            u, i, r = (column[here] for column in columns)
            sums = self.tables.learn(u, i, r, keys[batch], self.rate(done + batch), done + batch)
            squared, penalty = squared + sums[0], penalty + sums[1]
        self.tables.settle(self.rate(done + n_batches - 1), done + n_batches)
        each = self.parameters.unit**2 / min(n, n_batches * self.size)
        return float(squared) * each, float(squared + penalty) * each

    def model(self, noise: float) -> Model:
        users, items, layers = self.tables.learned()
        parameters, plan = self.parameters, self.plan
        now = Parameters(parameters.layout, parameters.unit, parameters.mean, users, items, layers)
        return now.model(plan, self.ratings, noise)

    def state(self) -> Mapping[str, Array]:
        return {**self.tables.remembered(), "mean": np.array(self.parameters.mean)}
