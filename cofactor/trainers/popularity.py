"""The items with the most ratings, the same for every user: the reference for all other models."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.base import Family, OneStepTrainer


@dataclass(frozen=True)
class Popularity(OneStepTrainer):
    """score_i = |U(i)|, the number of users who rated item i in training. It ranks and predicts no ratings.

    Cold start: every user, known or not, gets the same list without the items that the user has rated; an item that
    nobody rated scores 0.
    """

    name: ClassVar[str] = "popularity"
    family: ClassVar[Family] = "simple"
    personal: ClassVar[bool] = False

    def solve(self, ratings: Ratings) -> BaselineModel:
        counts = np.bincount(ratings.item, minlength=len(ratings.items)).astype(np.float32)
        no_bias = np.zeros(len(ratings.users), dtype=np.float32)
        return BaselineModel(ratings.training_data, None, 0.0, no_bias, counts, 0.0)
