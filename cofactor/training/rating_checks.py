"""Checks of the ratings of a training, before it starts."""

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.shared_pairs import check_disjoint
from cofactor.errors import BadData, SplitMismatch, check_type
from cofactor.saved.manifest import LARGEST
from cofactor.training.epoch import TrainerProtocol

MAX_RATING = LARGEST  # as the numbers of a saved model
RANKING_HINT = (
    "train one that only ranks: ials, ease, knn --similarity cosine, filter, popularity, or autoencoder --rows users "
    "--loss multinomial"
)
HELD = {"counts": "holds counts", "pairs": "holds pairs without a rating"}


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


def check_kind(trainer: TrainerProtocol, train: Ratings) -> None:
    """Raises BadData where a trainer that predicts ratings gets counts or pairs."""
    if train.kind != "ratings" and not trainer.only_ranks(train.kind):
        name = train.origin.name if train.origin else "the data"
        raise BadData(f"{trainer.name} predicts ratings, but {name} {HELD[train.kind]}", RANKING_HINT)


def check_ratings_vary(trainer: TrainerProtocol, train: Ratings, *held_out: Ratings) -> None:
    """Raises BadData where a trainer that predicts ratings gets ratings that are all equal: its RMSE is that of every
    reasonable model."""
    if trainer.only_ranks(train.kind) or not len(train):
        return
    first = train.value[0]
    if all(bool((part.value == first).all()) for part in (train, *held_out)):
        message = f"every rating is {first:g}: {trainer.name}, which predicts ratings, cannot be evaluated on them"
        raise BadData(message, RANKING_HINT)


def _check_magnitude(ratings: Ratings) -> None:
    """Raises BadData for ratings so large that a model of them could not be saved."""
    largest = max(map(abs, ratings.scale))
    if largest > MAX_RATING:
        message = f"the ratings reach {largest:g}, and at most {MAX_RATING:g} can be trained on"
        raise BadData(message, "divide all ratings by the same number")
