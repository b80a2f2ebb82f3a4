"""How ratings were split in memory, recorded so that the same split can be made again."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cofactor.data.splitting.kinds import GIVEN, SplitKind
from cofactor.errors import BadData

if TYPE_CHECKING:
    from cofactor.data.ratings import Ratings
    from cofactor.data.splitting.split import Split


@dataclass(frozen=True)
class SplitRecipe:
    """The arguments of `split`, or of `split_at_time` where `cut` is set.

    Of parts that somebody else made (kind "given"), seed and validation draw the validation part from the train part.
    A saved model carries the recipe of its split in its manifest, field by field.
    """

    kind: SplitKind | Literal["given"] = "random"
    seed: int = 0
    test: float = 0.1
    validation: float = 0.1
    cut: int | None = None  # seconds since 1970, in place of kind and test share
    min_ratings: int = 1  # of a user, and of an item below: others are left out before the split, see `k_core`
    min_raters: int = 1

    def split(self, ratings: "Ratings") -> "Split":
        """The split of `ratings`; raises BadData as `split` and `split_at_time` do, and for kind "given"."""
        from cofactor.data.splitting.split import split  # loads NumPy and DuckDB: too slow for `cofactor train --help`
        from cofactor.data.splitting.time_windows import split_at_time

        ratings = self.select(ratings)
        if self.kind == GIVEN:
            raise BadData("the train and the test part were given as two tables", "name both: DATA --test FILE")
        if self.cut is not None:
            return split_at_time(ratings, self.cut, validation=self.validation)
        return split(ratings, self.kind, seed=self.seed, test=self.test, validation=self.validation)

    def select(self, ratings: "Ratings") -> "Ratings":
        """The ratings of users and items with enough ratings; raises BadData where there are none."""
        from cofactor.data.splitting.core import k_core

        return (
            ratings if self.min_ratings == self.min_raters == 1 else k_core(ratings, self.min_ratings, self.min_raters)
        )

    def for_given_parts(self) -> "SplitRecipe":
        """The recipe that takes train and test part as they are."""
        return replace(self, kind=GIVEN, test=0.0, cut=None)

    def join(self, train: "Ratings", test: "Ratings", validation: "Ratings | None" = None) -> "Split":
        """The split of parts that somebody else made; without `validation`, a share of train. See `given_split`."""
        from cofactor.data.splitting.split import given_split

        held_back = self.validation if validation is None else validation
        return given_split(train, test, validation=held_back, seed=self.seed)
