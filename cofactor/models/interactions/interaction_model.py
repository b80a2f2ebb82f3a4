"""What models of interactions share: the weight of a value in a history, and which items have a positive."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Floats, Mask, Rows
from cofactor.errors import BadArtifact
from cofactor.models.base import Model
from cofactor.models.interactions.interaction_weights import InteractionWeights
from cofactor.models.sparse import with_values
from cofactor.models.top_n.selection import EXCLUDED

WEIGHT_SHAPES: Mapping[str, tuple[int | str, ...]] = {"positive_from": (), "log_unit": (), "linear_unit": ()}


@dataclass(frozen=True, eq=False)
class InteractionModel(Model):
    """A model that learns from which items a user has positives of, and from the weights of these.

    The weights are those of `InteractionWeights`, in training and in folded-in histories alike. An interaction that is
    no positive does not change a score, but its item is still one that the user has seen.
    """

    positive_from: float | None = field(default=None, kw_only=True)
    log_unit: float | None = field(default=None, kw_only=True)
    linear_unit: float | None = field(default=None, kw_only=True)

    def check(self) -> None:
        units = [unit for unit in (self.log_unit, self.linear_unit) if unit is not None]
        if len(units) > 1 or not all(unit > 0 for unit in units):
            raise BadArtifact(f"the {self.kind} model has an impossible unit of counts", "save the model again")

    @cached_property
    def interaction_weights(self) -> InteractionWeights:
        """The rule for the weight of a value."""
        return InteractionWeights(self.positive_from, self.log_unit, self.linear_unit)

    def weigh(self, histories: csr_array) -> csr_array:
        """(m, n_items) histories with weights instead of values; a value that is no positive has a stored 0."""
        return with_values(histories, self.interaction_weights.compute(histories.data))

    def input_rows(self, histories: csr_array) -> csr_array:
        """(m, n_items) √w of (m, n_items) histories: rows of X, which linear models and networks take as input."""
        return with_values(histories, self.interaction_weights.compute_roots(histories.data))

    @cached_property
    def training_rows(self) -> csr_array:
        """(n_users, n_items) X of the training interactions."""
        return self.input_rows(self.training_data.interactions)

    def similarity_to_user_row(self, user: int | None, history: csr_array) -> Floats:
        """As in `Model.similarity_to_user_row`; of counts the cosine of the weights: few large counts do not decide."""
        if self.log_unit is None and self.linear_unit is None:
            return super().similarity_to_user_row(user, history)
        weights, own = self.training_rows, np.zeros(history.shape[1])
        own[history.indices] = self.input_rows(history).data
        products = weights @ own
        row = np.repeat(np.arange(weights.shape[0]), self.training_data.user_counts)
        lengths = np.sqrt(np.bincount(row, weights.data.astype(np.float64) ** 2, minlength=weights.shape[0]))
        norms = np.maximum(lengths * np.linalg.norm(own), 1e-12)
        return np.where(products != 0, products / norms, EXCLUDED).astype(np.float32)

    @cached_property
    def positive_counts(self) -> Rows:
        """(n_items,) number of users with a positive of each item."""
        if self.interaction_weights.all_ones:
            return self.training_data.item_counts
        items = self.training_data.interactions.indices[self.training_rows.data > 0]
        return np.bincount(items, minlength=len(self.training_data.items)).astype(np.int32)

    @property
    def listed_last(self) -> Mask | None:
        without = (self.positive_counts == 0) & self.rankable
        return without if without.any() else None


def has_positive(weighted: csr_array) -> Mask:
    """(m,) whether each row of weights has one above 0."""
    row = np.repeat(np.arange(weighted.shape[0]), np.diff(weighted.indptr))
    found: Mask = np.bincount(row[weighted.data > 0], minlength=weighted.shape[0]) > 0
    return found
