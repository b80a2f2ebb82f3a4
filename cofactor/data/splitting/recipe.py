"""How ratings were split in memory, recorded so that the same split can be made again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cofactor.data.ratings import Ratings
    from cofactor.data.splitting.split import Split, SplitKind


@dataclass(frozen=True)
class SplitRecipe:
    """The arguments of `split`, or of `split_at_time` where `cut` is set.

    A saved model carries the recipe of its split in its manifest, field by field.
    """

    kind: "SplitKind" = "random"
    seed: int = 0
    test: float = 0.1
    validation: float = 0.1
    cut: int | None = None  # seconds since 1970, in place of kind and test share

    def split(self, ratings: "Ratings") -> "Split":
        """The split of `ratings`; raises BadData as `split` and `split_at_time` do."""
        from cofactor.data.splitting.split import split  # loads NumPy and DuckDB: too slow for `cofactor train --help`
        from cofactor.data.splitting.time_windows import split_at_time

        if self.cut is not None:
            return split_at_time(ratings, self.cut, validation=self.validation)
        return split(ratings, self.kind, seed=self.seed, test=self.test, validation=self.validation)
