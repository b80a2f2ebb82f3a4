"""What trainers of interactions share: which values are positives, and how much a count counts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from scipy.sparse import csr_array

from cofactor.arrays import Floats
from cofactor.data.kind import Kind, values_noun
from cofactor.data.ratings import Ratings, make_csr
from cofactor.errors import BadData
from cofactor.models.interactions.interaction_weights import InteractionWeights, least_positive, median_count
from cofactor.trainers.base import Trainer
from cofactor.training.hyperparameter import Bounds


@dataclass(frozen=True, kw_only=True)
class InteractionTrainer(Trainer):
    """A trainer that can learn from positives and their weights alone.

    A value from `positive_from` on is a positive; by default every value above 0. The weight of a positive is 1, and of
    a count r it is, by `count_weight`, ½ + ½ log₂(1 + r / ε), ½ + ½ r / ε, or 1, with ε = `count_unit`, by default the
    median count of the positives. A lower value is not learned from, but its item still counts as seen by the user.
    """

    positive_from: Annotated[
        float | None, "lowest value of a positive, from which it learns; by default every value above 0 is one"
    ] = None
    count_weight: Annotated[
        Literal["log", "linear", "one"],
        "weight of a count r, with its unit ε: ½ + ½ log₂(1 + r / ε) for log, ½ + ½ r / ε for linear, 1 for one",
    ] = "log"
    count_unit: Annotated[float | None, "ε, the count whose weight is 1; by default the median count", Bounds(1e-6)] = (
        None
    )

    def only_ranks(self, kind: Kind) -> bool:
        return True

    def interaction_weights(self, ratings: Ratings) -> InteractionWeights:
        """The weights of values, with what is chosen from these training ratings; BadData where none is a positive."""
        positive_from = least_positive(ratings, self.positive_from)
        if ratings.kind != "counts" or self.count_weight == "one":
            return InteractionWeights(positive_from)
        unit = self.count_unit or median_count(ratings, positive_from)
        if self.count_weight == "linear":
            return InteractionWeights(positive_from, linear_unit=unit)
        return InteractionWeights(positive_from, log_unit=unit)

    def select_positives(self, train: Ratings, held_out: Ratings) -> Ratings:
        weights = self.interaction_weights(train)
        positive = weights.compute(held_out.value) > 0
        if positive.all():
            return held_out
        if not positive.any():
            shown = f"{weights.positive_from:g} or more" if weights.positive_from is not None else "above 0"
            message = f"none of the {len(held_out):,} held-out {values_noun(held_out.kind)} is {shown}"
            raise BadData(message, "lower positive_from, or hold out more ratings")
        return held_out.where(positive)

    def training_note(self, ratings: Ratings) -> str | None:
        weights = self.interaction_weights(ratings)
        left_out = len(ratings) - int((weights.compute(ratings.value) > 0).sum())
        if not left_out or weights.positive_from is None:
            return None
        noun = values_noun(ratings.kind)
        return (
            f"{left_out:,} of {len(ratings):,} {noun} are below {weights.positive_from:g} and are no positives: "
            f"{self.name} does not learn from them, and does not recommend their items to these users again"
        )


def positive_weights(ratings: Ratings, weights: InteractionWeights) -> csr_array:
    """(n_users, n_items) weights w of the positives, sorted by item; nothing is stored for other values."""
    return _positives(ratings, weights.compute(ratings.value))


def positive_rows(ratings: Ratings, weights: InteractionWeights) -> csr_array:
    """(n_users, n_items) X: √w of the positives, sorted by item; nothing is stored for other values."""
    return _positives(ratings, weights.compute_roots(ratings.value))


def _positives(ratings: Ratings, value: Floats) -> csr_array:
    kept, shape = value > 0, (len(ratings.users), len(ratings.items))
    if kept.all():
        return make_csr(ratings.user, ratings.item, value, shape)
    return make_csr(ratings.user[kept], ratings.item[kept], value[kept], shape)
