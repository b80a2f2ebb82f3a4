"""The split of a training on all ratings: a validation part that chooses the epoch, and no test part."""

from dataclasses import replace

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.split import Split, make_split
from cofactor.errors import BadHyperparameter
from cofactor.training.epoch import TrainerProtocol


def hold_out_validation(trainer: TrainerProtocol, ratings: Ratings, recipe: SplitRecipe | None = None) -> Split:
    """Splits `ratings` into a train and a validation part; a closed form has no epoch to choose, and all is train.

    recipe: its kind, seed and validation share are used. Raises BadData as `SplitRecipe.split` does, and
    BadHyperparameter for a validation share of 0.
    """
    if trainer.one_step:
        return make_split(ratings, np.zeros(len(ratings), dtype=np.int8), "all", test=0)
    recipe = recipe or SplitRecipe()
    if recipe.validation == 0:
        hint = "give a validation share above 0: all ratings are learned afterwards"
        raise BadHyperparameter("there are no ratings to choose the epoch on", hint)
    return replace(recipe, test=0.0).split(ratings)
