"""The most rated items, the same list for everybody: what every other model has to beat."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.base import Trainer
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.snapshot import refuse_snapshot
from cofactor.training.warm_start import refuse_warm_start


@dataclass(frozen=True)
class Popularity(Trainer):
    """score_i = |U(i)|, the number of users who rated item i in training. It ranks and predicts no ratings.

    Cold start: every user, known or not, gets the same list without what they have seen; an item nobody rated scores 0.
    """

    name: ClassVar[str] = "popularity"
    personal: ClassVar[bool] = False

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        refuse_warm_start(self.name, warm_start)
        refuse_snapshot(self.name, resume)
        counts = np.bincount(ratings.item, minlength=len(ratings.items)).astype(np.float32)
        nobody = np.zeros(len(ratings.users), dtype=np.float32)
        yield Epoch(1, 1, BaselineModel(ratings.training_data, None, 0.0, nobody, counts, 0.0), train_rmse=None)
