"""Statistics of the items of a catalogue that do not depend on a model: popularity and genres."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cofactor.arrays import Array, Doubles, Mask, Rows
from cofactor.data.reading.titles import NO_GENRES
from cofactor.evaluation.held_out import HeldOut

HEAD_SHARE = 0.8  # share of the training ratings that belong to the head; the other items are the long tail
MAX_GENRES = 100  # distinct genres; a larger number is taken for tags, which are ignored


@dataclass(frozen=True, eq=False)
class ItemStatistics:
    """Statistics of all items of `held_out`; unknown items, which have no ratings, come after the model's own."""

    held_out: HeldOut

    @cached_property
    def rating_counts(self) -> Rows:
        """(n_items,) training ratings."""
        return np.append(self.held_out.training_data.item_counts, np.zeros(self.held_out.unknown_items, dtype=np.int32))

    @cached_property
    def popularity_ranks(self) -> Rows:
        """(n_items,) from 0 for the item with the most training ratings; ties by row."""
        place = np.empty(len(self.rating_counts), dtype=np.int32)
        place[np.argsort(-self.rating_counts, kind="stable")] = np.arange(len(place), dtype=np.int32)
        return place

    @cached_property
    def self_information(self) -> Doubles:
        """(n_items,) -log₂ of the share of the training users who rated the item; 0 without ratings."""
        n_users = max(1, np.count_nonzero(self.held_out.training_data.user_counts))
        information: Doubles = -np.log2(np.maximum(self.rating_counts, 1) / n_users) * (self.rating_counts > 0)
        return information

    @cached_property
    def long_tail(self) -> Mask:
        """(n_items,) whether an item is outside the head: the fewest items that have 80 % of the training ratings."""
        order = np.argsort(self.popularity_ranks)
        before = np.cumsum(self.rating_counts[order]) - self.rating_counts[order]
        return np.asarray(before >= HEAD_SHARE * self.rating_counts.sum())[self.popularity_ranks]

    @cached_property
    def genres(self) -> Doubles:
        """(n_items, n_genres) each item's genres as a vector of length 1, or 0 without genres; no columns if no genres
        are known, or too many."""
        column = self.held_out.training_data.genres
        listed = [] if column is None else [set(_split_genres(one)) for one in column]
        names = {name: at for at, name in enumerate(sorted(set().union(*listed)))}
        if len(names) > MAX_GENRES:
            names = {}
        vectors = np.zeros((len(self.rating_counts), len(names)))
        for row, mine in enumerate(listed if names else []):
            vectors[row, [names[name] for name in mine]] = 1 / np.sqrt(max(1, len(mine)))
        return vectors

    @cached_property
    def inverse_norms(self) -> Doubles:
        """(n_items,) |U_i|^-½, 0 without ratings."""
        return (self.rating_counts > 0) / np.sqrt(np.maximum(self.rating_counts, 1))


def _split_genres(text: str | None) -> list[str]:
    return [name for name in (text or "").split("|") if name and name != NO_GENRES]


def mean_history_popularity(ratings: Rows, start: Array, seen: Rows) -> Doubles:
    """(m,) the mean of (n_items,) rating counts over the training items of each user; NaN without items."""
    total = np.concatenate(([0], np.cumsum(ratings[seen], dtype=np.int64)))[start]
    n_seen = np.diff(start)
    mean: Doubles = np.full(len(n_seen), np.nan)
    return np.divide(np.diff(total), n_seen, out=mean, where=n_seen > 0)
