"""The sparse table of training ratings whose rows an autoencoder takes as input and target."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings, make_csr
from cofactor.models.baseline import BaselineModel
from cofactor.models.sparse import with_values

MIN_BATCHES = 16  # in an epoch: small data needs steps too


class RatingTable:
    """Rows of users or of items. A cell's value is the target; the input is the value plus `observed_offset`.

    weights: the weights of the same cells, where the model ranks.
    """

    def __init__(self, cells: csr_array, observed_offset: float, weights: csr_array | None = None) -> None:
        self.cells, self.observed_offset = cells, observed_offset
        self.weights = cells if weights is None else weights
        self.row_counts = np.diff(cells.indptr)
        self.rated_rows = np.flatnonzero(self.row_counts)
        self.column_counts = np.bincount(cells.indices, minlength=cells.shape[1])  # n_c

    @property
    def sizes(self) -> Array:
        """Rows, columns and cells: the shapes of the parameters do not depend on the number of rows."""
        return np.array([*self.cells.shape, self.cells.nnz])

    def batches(self, rng: np.random.Generator, batch_size: int) -> Iterator[Array]:
        """The rated rows in random order, in batches."""
        order = rng.permutation(self.rated_rows)
        size = max(1, min(batch_size, -(-len(order) // MIN_BATCHES)))
        return (order[start : start + size] for start in range(0, len(order), size))

    def inputs(self, cells: csr_array) -> csr_array:
        """The inputs of some rows, or of all, with these cells."""
        return with_values(cells, cells.data + np.float32(self.observed_offset))

    def noisy_inputs(self, cells: csr_array, dropout: float, rng: np.random.Generator) -> csr_array:
        """The inputs without a random share of the cells; the others are scaled up, so that their mean stays."""
        if dropout == 0:
            return self.inputs(cells)
        kept = rng.random(cells.nnz, dtype=np.float32) >= dropout
        starts = np.append(0, np.cumsum(kept))[cells.indptr].astype(cells.indptr.dtype)
        values = (cells.data + np.float32(self.observed_offset))[kept] * np.float32(1 / (1 - dropout))
        return csr_array((values, cells.indices[kept], starts), shape=cells.shape)


def residual_cells(ratings: Ratings, baseline: BaselineModel, unit: float, rows: str) -> csr_array:
    """The ratings less the baseline, in rating units; rows: users or items."""
    residual = (ratings.value - baseline.score_pair_rows(ratings.user, ratings.item)) / np.float32(unit)
    shape = len(ratings.users), len(ratings.items)
    if rows == "users":
        return make_csr(ratings.user, ratings.item, residual, shape)
    return make_csr(ratings.item, ratings.user, residual, shape[::-1])


def normalised_cells(positives: csr_array) -> csr_array:
    """√(w_ui / Σ_i w_ui) of the (n_users, n_items) weights of the positives."""
    row = np.repeat(np.arange(positives.shape[0]), np.diff(positives.indptr))
    totals = np.bincount(row, positives.data, minlength=positives.shape[0])
    return with_values(positives, (np.sqrt(positives.data) / np.sqrt(totals)[row]).astype(np.float32))
