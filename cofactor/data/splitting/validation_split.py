"""The split of a training on all ratings: a validation part that chooses the epoch, and no test part."""

from dataclasses import replace

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.split import Split, make_split
from cofactor.errors import BadHyperparameter


def hold_out_validation(ratings: Ratings, recipe: SplitRecipe | None = None) -> Split:
    """Splits `ratings` into a train and a validation part.

    recipe: its kind, seed and validation share are used. Raises BadData as `SplitRecipe.split` does, and
    BadHyperparameter for a validation share of 0.
    """
    recipe = recipe or SplitRecipe()
    if recipe.validation == 0:
        hint = "give a validation share above 0: all ratings are learned afterwards"
        raise BadHyperparameter("there are no ratings to choose the epoch on", hint)
    return replace(recipe, test=0.0).split(ratings)


def keep_all(ratings: Ratings) -> Split:
    """A split whose train part has all ratings, for a closed form, which has no epoch to choose."""
    return make_split(ratings, np.zeros(len(ratings), dtype=np.int8), "all", test=0)
