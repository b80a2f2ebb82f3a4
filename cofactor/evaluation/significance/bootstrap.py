"""The bootstrap: users drawn again with replacement, all their ratings and lists of all splits together.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 6 and 13; users, not ratings, as
the units, because the ratings of one user are alike: A. Davison and D. Hinkley, "Bootstrap Methods and their
Application", 1997, section 3.8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from cofactor.arrays import Array, Doubles
from cofactor.evaluation.significance.per_user_values import Samples

MAX_UNITS = (
    10_000  # at most so many units are drawn: of more users, groups dealt at random, whose count is what matters
)
MAX_COUNTS = 1 << 21  # counts of units at a time: 16 MB


@dataclass(frozen=True, eq=False)
class UserTotals:
    """The samples of M models on F splits, summed over each of G units, which are users or groups of them.

    A unit that has no rating or list in a split weighs nothing there.
    """

    users: Array  # (m,) those in the units, ascending
    total: Doubles  # (G, M, F)
    weight: Doubles  # (G, M, F), or (G, 1, F) where it is the same for all models
    root: bool

    @classmethod
    def from_samples(cls, samples: Sequence[Sequence[Samples]], seed: int) -> Self:
        """Of a list for each model with one for each split; `seed`: of the groups, where users are too many."""
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
        """(M,) each model's figure, the mean over the splits."""
        return self.compute_values(self.total.sum(axis=0), self.weight.sum(axis=0))

    def compute_values(self, total: Doubles, weight: Doubles) -> Doubles:
        """(…, M) figures of sums over units, (…, M, F) and (…, 1 or M, F); NaN where a split weighs nothing."""
        shape = np.broadcast_shapes(total.shape, weight.shape)
        mean = np.divide(total, weight, out=np.full(shape, np.nan), where=np.broadcast_to(weight > 0, shape))
        figures: Doubles = np.mean(np.sqrt(mean) if self.root else mean, axis=-1)
        return figures

    def count_differing(self, one: int, other: int) -> int:
        """In how many units two models differ at all."""
        differ = self.total[:, one] != self.total[:, other]
        if self.weight.shape[1] > 1:
            differ |= self.weight[:, one] != self.weight[:, other]
        return int(np.count_nonzero(differ.any(axis=1)))


def _all_users(users: Sequence[Array]) -> Array:
    """Everybody who is in one of the lists, ascending; mostly they are the same in all."""
    different = [users[0], *(one for one in users[1:] if not np.array_equal(one, users[0]))]
    return np.unique(np.concatenate(different))


def resample(tables: Sequence[UserTotals], draws: int, seed: int) -> list[Doubles]:
    """For each table, (M, draws) figures of the models over units drawn with replacement, as many as there are.

    Tables of the same users share the draws. How often each unit is drawn is a matrix of counts, and one product with
    the sums of all models, metrics and splits gives their sums over the draws.
    """
    found: list[Doubles] = [np.empty(0)] * len(tables)
    left = list(range(len(tables)))
    while left:
        alike = [at for at in left if np.array_equal(tables[at].users, tables[left[0]].users)]
        for at, figures in zip(alike, _resample([tables[at] for at in alike], draws, seed), strict=True):
            found[at] = figures
        left = [at for at in left if at not in alike]
    return found


def _resample(tables: Sequence[UserTotals], draws: int, seed: int) -> list[Doubles]:
    n = len(tables[0].total)
    columns = [part.reshape(n, -1) for table in tables for part in (table.total, table.weight)]
    edges = np.cumsum([column.shape[1] for column in columns])[:-1]
    together = np.concatenate(columns, axis=1)
    found = [np.empty((table.total.shape[1], draws)) for table in tables]
    done = 0
    for counts in _draw_counts(n, draws, seed):
        sums = np.split(counts @ together, edges, axis=1)
        here = slice(done, done := done + len(counts))
        for at, table in enumerate(tables):
            total, weight = (
                part.reshape(len(counts), *of.shape[1:])
                for part, of in zip(sums[2 * at : 2 * at + 2], (table.total, table.weight), strict=True)
            )
            found[at][:, here] = table.compute_values(total, weight).T
    return found


def _draw_counts(n: int, draws: int, seed: int) -> Iterator[Doubles]:
    """(b, n) how often each of n units is among n that are drawn, b draws at a time."""
    rng = np.random.default_rng(seed)
    size = max(1, MAX_COUNTS // n)
    for first in range(0, draws, size):
        b = min(size, draws - first)
        yield np.array([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(b)], dtype=np.float64)
