"""Checks of the ratings of a training, before it starts."""

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.shared_pairs import check_disjoint
from cofactor.errors import BadData, SplitMismatch, check_type
from cofactor.saved.manifest import LARGEST

MAX_RATING = LARGEST  # as the numbers of a saved model


def check_training_ratings(train: Ratings, validation: Ratings | None) -> None:
    """Raises the error of ratings that cannot be trained on, or that cannot choose an epoch."""
    hint = "cofactor.read makes Ratings of a table; cofactor.fit takes a Split"
    check_type("the training part", train, Ratings, hint)
    if validation is not None:
        check_type("the validation part", validation, Ratings, hint)
        if (train.users, train.items) != (validation.users, validation.items):
            message = "the validation ratings have other users or items than the training ratings"
            raise SplitMismatch(message, "take both from one split, where a row means the same in each part")
    if len(train) == 0:
        raise BadData("no ratings to train on", "give the split a larger training part")
    _check_magnitude(train)
    if validation is None:
        return
    if validation.part == "test":
        hint = "choose it on the validation part: test metrics of an epoch that is chosen on the test part are too good"
        raise SplitMismatch("the epoch would be chosen on the test part of a split", hint)
    if validation.split is None or validation.split != train.split or validation.part == train.part:
        hint = "take both from one split: an epoch is chosen on ratings that the model has not learned"
        check_disjoint(train, validation, ("training", "validation"), SplitMismatch, hint)


def _check_magnitude(ratings: Ratings) -> None:
    """Raises BadData for ratings so large that a model of them could not be saved."""
    largest = max(map(abs, ratings.scale))
    if largest > MAX_RATING:
        message = f"the ratings reach {largest:g}, and at most {MAX_RATING:g} can be trained on"
        raise BadData(message, "divide all ratings by the same number")
