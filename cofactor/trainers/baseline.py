"""Regularised biases: how high a user rates and how highly an item is rated, apart from who meets what."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar

import numpy as np

from cofactor.arrays import Doubles, Rows
from cofactor.data.ratings import Ratings
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.base import Trainer
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.snapshot import copy_arrays, restore_arrays
from cofactor.training.warm_start import refuse_warm_start


@dataclass(frozen=True)
class Baseline(Trainer):
    """r̂_ui = μ + b_u + b_i, the minimum of Σ (r_ui - r̂_ui)² + λ_u Σ b_u² + λ_i Σ b_i² by alternating closed forms,

        b_i = Σ_{u∈U(i)} (r_ui - μ - b_u) / (λ_i + |U(i)|),    b_u = Σ_{i∈R(u)} (r_ui - μ - b_i) / (λ_u + |R(u)|)

    μ: mean training rating; R(u): items u rated; U(i): users who rated i; λ: ratings' worth of pull towards zero.
    Cold start: a user or item without training ratings has a bias of 0.
    Source: Y. Koren, "Factor in the Neighbors", TKDD 4(1), 2010, section 2.1.
    """

    name: ClassVar[str] = "baseline"
    personal: ClassVar[bool] = False

    user_l2: Annotated[
        float, "pull of a user's bias towards zero, in ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 5.0
    item_l2: Annotated[
        float, "pull of an item's bias towards zero, in ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 3.0
    sweeps: Annotated[int, "alternations between items and users", Bounds(low=1)] = 10

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        refuse_warm_start(self.name, warm_start)
        value = ratings.value.astype(np.float64)
        mean = float(value.mean())
        user_bias, item_bias, done = np.zeros(len(ratings.users)), np.zeros(len(ratings.items)), 0
        if resume is not None:
            done = restore_arrays(resume, {"user_bias": user_bias, "item_bias": item_bias}, self.name)
        for sweep in range(done + 1, self.sweeps + 1):
            item_bias = _biases(ratings.item, value - mean - user_bias[ratings.user], self.item_l2, len(ratings.items))
            user_bias = _biases(ratings.user, value - mean - item_bias[ratings.item], self.user_l2, len(ratings.users))
            error = value - mean - user_bias[ratings.user] - item_bias[ratings.item]
            arrays = user_bias.astype(np.float32), item_bias.astype(np.float32)
            model = BaselineModel(ratings.training_data, ratings.scale, mean, *arrays, self.user_l2)
            state = partial(copy_arrays, {"user_bias": user_bias, "item_bias": item_bias})
            yield Epoch(sweep, self.sweeps, model, float(np.sqrt(np.mean(error**2))), state=state)


def _biases(rows: Rows, residual: Doubles, l2: float, n: int) -> Doubles:
    counts = np.bincount(rows, minlength=n)
    sums = np.bincount(rows, residual, minlength=n)
    return np.where(counts > 0, sums / np.maximum(counts + l2, 1e-12), 0.0)
