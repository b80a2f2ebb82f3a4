"""The items with the most positives, the same for every user: the reference for all other models."""

from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.models.baseline import BaselineModel
from cofactor.trainers.base import Family, OneStepTrainer
from cofactor.trainers.interactions.interaction_trainer import InteractionTrainer


@dataclass(frozen=True)
class Popularity(InteractionTrainer, OneStepTrainer):
    """score_i = Σ_{u∈U(i)} w_ui, over the users with a positive of item i. It ranks and predicts no ratings.

    w_ui: 1, so that the score is the number of users, or of a count its `count_weight`, by default ½ + ½ log₂(1 + r_ui
    / ε): a single user who repeats something a thousand times does not make it popular. `count_weight` linear gives the
    sum of the counts in units of ε, and one the number of users.

    Cold start: every user, known or not, gets the same list without the items that the user has rated; an item without
    a positive scores 0.

    Raises BadData for no positives.
    """

    name: ClassVar[str] = "popularity"
    family: ClassVar[Family] = "simple"
    personal: ClassVar[bool] = False

    def solve(self, ratings: Ratings) -> BaselineModel:
        weights = self.interaction_weights(ratings)
        counts = np.bincount(ratings.item, weights.compute(ratings.value), minlength=len(ratings.items))
        arrays = np.zeros(len(ratings.users), np.float32), counts.astype(np.float32)
        return BaselineModel(ratings.training_data, None, 0.0, *arrays, 0.0, **asdict(weights))
