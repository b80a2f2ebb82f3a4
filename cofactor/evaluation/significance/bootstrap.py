"""The bootstrap: users are resampled with replacement, each with all ratings and lists in all splits.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13; users, not ratings, as
the units, because the ratings of one user are correlated: A. Davison and D. Hinkley, "Bootstrap Methods and their
Application", 1997, section 3.8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.evaluation.significance.per_user_values import Samples

MAX_UNITS = 10_000  # of more users, random groups are resampled, as only the number of units matters
MAX_COUNTS = 1 << 21  # counts of units in memory at a time: 16 MB


@dataclass(frozen=True, eq=False)
class UserTotals:
    """The samples of M models on F splits, summed within each of G resampling units: users, or groups of users.

    A unit without a rating or list in a split has weight 0 there.
    """

    users: Array  # (m,) the users of the units, ascending
    total: Doubles  # (G, M, F)
    weight: Doubles  # (G, M, F), or (G, 1, F) if it is the same for all models
    root: bool

    @classmethod
    def from_samples(cls, samples: Sequence[Sequence[Samples]], seed: int) -> Self:
        """From the samples of each model and split; `seed` assigns users to groups if there are more than MAX_UNITS."""
        users = _all_users([one.user for some in samples for one in some])
        group = np.arange(len(users))
        if len(users) > MAX_UNITS:
            group = np.random.default_rng(seed).permutation(len(users)) % MAX_UNITS
        n = min(len(users), MAX_UNITS)
        total, weight = np.empty((2, n, len(samples), len(samples[0])))
        for m, some in enumerate(samples):
            for f, one in enumerate(some):
                here = group if np.array_equal(one.user, users) else group[np.searchsorted(users, one.user)]
                total[:, m, f] = np.bincount(here, one.total, minlength=n)
                weight[:, m, f] = np.bincount(here, one.weight, minlength=n)
        if np.array_equal(weight, np.broadcast_to(weight[:, :1], weight.shape)):
            weight = weight[:, :1]
        return cls(users, total, weight, samples[0][0].root)

    @property
    def values(self) -> Doubles:
        """(M,) the metric of each model, the mean over the splits."""
        return self.compute_values(self.total.sum(axis=0), self.weight.sum(axis=0))

    def compute_values(self, total: Doubles, weight: Doubles) -> Doubles:
        """(…, M) metrics from sums over units, (…, M, F) and (…, 1 or M, F); NaN where a split has weight 0."""
        shape = np.broadcast_shapes(total.shape, weight.shape)
        mean = np.divide(total, weight, out=np.full(shape, np.nan), where=np.broadcast_to(weight > 0, shape))
        figures: Doubles = np.mean(np.sqrt(mean) if self.root else mean, axis=-1)
        return figures

    def count_differing(self, one: int, other: int) -> int:
        """The number of units for which two models differ."""
        differ = self.total[:, one] != self.total[:, other]
        if self.weight.shape[1] > 1:
            differ |= self.weight[:, one] != self.weight[:, other]
        return int(np.count_nonzero(differ.any(axis=1)))


def _all_users(users: Sequence[Array]) -> Array:
    """The union of several lists of users, ascending; usually all are the same."""
    different = [users[0], *(one for one in users[1:] if not np.array_equal(one, users[0]))]
    return np.unique(np.concatenate(different))


def resample(totals: Sequence[UserTotals], n_draws: int, seed: int) -> list[Doubles]:
    """For each of `totals`, (M, n_draws) metrics of the models over resampled units, as many as there are.

    Totals of the same users share the draws. A matrix counts how often each unit is drawn, and its product with the
    sums of all models, metrics and splits gives their sums in each draw.
    """
    found: list[Doubles] = [np.empty(0)] * len(totals)
    left = list(range(len(totals)))
    while left:
        same = [at for at in left if np.array_equal(totals[at].users, totals[left[0]].users)]
        for at, values in zip(same, _resample([totals[at] for at in same], n_draws, seed), strict=True):
            found[at] = values
        left = [at for at in left if at not in same]
    return found


def _resample(totals: Sequence[UserTotals], n_draws: int, seed: int) -> list[Doubles]:
    n = len(totals[0].total)
    columns = [part.reshape(n, -1) for table in totals for part in (table.total, table.weight)]
    edges = np.cumsum([column.shape[1] for column in columns])[:-1]
    sums_by_unit = np.concatenate(columns, axis=1)
    found = [np.empty((table.total.shape[1], n_draws)) for table in totals]
    done = 0
    for counts in _draw_counts(n, n_draws, seed):
        sums = np.split(counts @ sums_by_unit, edges, axis=1)
        here = slice(done, done := done + len(counts))
        for at, table in enumerate(totals):
            total, weight = (
                part.reshape(len(counts), *of.shape[1:])
                for part, of in zip(sums[2 * at : 2 * at + 2], (table.total, table.weight), strict=True)
            )
            found[at][:, here] = table.compute_values(total, weight).T
    return found


def _draw_counts(n: int, n_draws: int, seed: int) -> Iterator[Doubles]:
    """(b, n) counts of n units in resamples of size n, for b resamples at a time."""
    rng = np.random.default_rng(seed)
    size = max(1, MAX_COUNTS // n)
    for first in range(0, n_draws, size):
        b = min(size, n_draws - first)
        yield np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(b)], dtype=np.float64)
