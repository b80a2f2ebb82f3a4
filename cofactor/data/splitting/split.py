"""Splits ratings into train, validation and test parts, so that results can be trusted and reproduced.

The same ratings, kind and seed give the same parts. The parts, and every model trained on them, carry the fingerprint
of the split (see `fingerprint.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, overload

import numpy as np

from cofactor.argument_names import check_arguments
from cofactor.arrays import Array
from cofactor.data.align_vocabularies import align, reindex
from cofactor.data.kind import values_noun
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.assign_parts import (
    TEST,
    TRAIN,
    VALIDATION,
    at_random,
    by_time,
    last_per_user,
    one_per_user,
    share_count,
    share_per_user,
)
from cofactor.data.splitting.fingerprint import compute_fingerprint
from cofactor.data.splitting.kinds import GIVEN, UNSEEDED_KINDS, SplitKind
from cofactor.data.splitting.saved_split import read_parts, write_parts
from cofactor.data.splitting.shared_pairs import check_disjoint
from cofactor.data.tables.given_ratings import RatingsLike, as_ratings
from cofactor.errors import BadArtifact, BadData, check_path, check_type, check_whole

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint parts with the same users and items.

    Each part carries the fingerprint of the split (`Ratings.split`) and its own name (`Ratings.part`).

    Rows keep the order they had before the split. Raises BadData where parts overlap or have different users or items,
    BadArtifact where a given fingerprint is not that of the parts.
    """

    train: Ratings
    validation: Ratings
    test: Ratings
    kind: str
    seed: int = 0  # 0 for kinds without randomness
    fingerprint: str = ""  # computed where not given

    def __post_init__(self) -> None:
        for part in self.parts.values():
            if part.users != self.train.users or part.items != self.train.items:
                raise BadData(
                    "the parts of a split have different users or items",
                    "split one table of ratings, or use split(train=…, test=…)",
                )
        found = compute_fingerprint(list(self.parts.values()), self.kind, self.seed)
        if self.fingerprint not in ("", found):
            raise BadArtifact(f"the split is {found[:12]}, not {self.fingerprint[:12]}", "its rows have been changed")
        object.__setattr__(self, "fingerprint", found)
        for name, part in self.parts.items():
            object.__setattr__(self, name, replace(part, split=found, part=name))

    @property
    def parts(self) -> dict[str, Ratings]:
        """The three parts by name."""
        return {name: getattr(self, name) for name in PARTS}

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(part):,}" for name, part in self.parts.items())
        return f"<{self.kind} split {self.fingerprint[:12]}: {counts}>"


if TYPE_CHECKING:  # typing keeps a registry of overloads, which would keep this module alive after its end

    @overload
    def split(
        ratings: RatingsLike, kind: SplitKind = "random", *, seed: int = 0, test: float = 0.1, validation: float = 0.1
    ) -> Split: ...

    @overload
    def split(
        *, train: RatingsLike, test: RatingsLike, validation: RatingsLike | float | None = None, seed: int = 0
    ) -> Split: ...


@check_arguments()
def split(
    ratings: RatingsLike | None = None,
    kind: SplitKind = "random",
    *,
    train: RatingsLike | None = None,
    test: RatingsLike | float = 0.1,
    validation: RatingsLike | float | None = None,
    seed: int = 0,
) -> Split:
    """Splits `ratings`, or makes a split of the parts `train`, `test` and `validation` that exist already.

    Ratings may also be a data frame, a sparse matrix or a path, which are read as `cofactor.read` does.

    `split(ratings, kind, seed=…, test=0.1, validation=0.1)` assigns each rating to a part:

    random: in the order `numpy.random.default_rng(seed).permutation(n)`, the last ⌊n · test⌋ ratings are the test part,
        the ⌊rest · validation⌋ before them are the validation part, and the others the training part.
    per-user: a random share `test` of each user's ratings, rounded to a whole number, is the test part, and a share
        `validation` of the rest the validation part.
    time: the latest ⌊n · test⌋ ratings of all users are the test part, the latest ⌊rest · validation⌋ before them the
        validation part. A part begins at the nearest change from one time to the next, so that it may have a few
        ratings more or fewer.
    last: each user's latest rating is in the test part, the one before it in the validation part. Users with fewer
        than three ratings are in the training part only. Of equal times, the one with the higher item row is the
        later; without times, the later row.
    one: the same with two ratings of each user that are drawn at random.

    A share of 0 leaves its part empty; for `last` and `one`, any other share selects one rating. Raises BadData for a
    share outside [0, 1), where nothing is held out, where a part whose share is above 0 would be empty, and for `time`
    without times or where a part would begin within many ratings of the same time.

    `split(train=…, test=…, validation=None)` keeps parts that somebody else made. See `given_split`, but
    without `validation` there is no validation part.
    """
    if ratings is None:
        if train is None or isinstance(test, Real):
            raise BadData("nothing to split", "give ratings, or train=… and test=… that were split before")
        train, test = as_ratings("train", train), as_ratings("test", test)
        if not isinstance(validation, Real | None):
            return given_split(train, test, validation=as_ratings("validation", validation), seed=seed)
        return given_split(train, test, validation=float(validation or 0), seed=seed)
    if train is not None or not isinstance(test, Real) or not isinstance(validation, Real | None):
        raise BadData("both ratings to split and parts of a split", "give ratings with shares, or train=… and test=…")
    return _split_ratings(
        as_ratings("ratings", ratings), kind, seed, float(test), 0.1 if validation is None else float(validation)
    )


def _split_ratings(ratings: Ratings, kind: SplitKind, seed: int, test: float, validation: float) -> Split:
    _check_shares(test, validation)
    _check_seed(seed)
    held_out = (TEST,) * (test > 0) + (VALIDATION,) * (validation > 0)
    if kind == "random":
        part = at_random(len(ratings), seed, test, validation)
    elif kind == "per-user":
        part = share_per_user(ratings, seed, test, validation)
    elif kind == "time":
        part = by_time(ratings, test, validation)
    elif kind == "last":
        part = last_per_user(ratings, held_out)
    elif kind == "one":
        part = one_per_user(ratings, seed, held_out)
    else:
        raise BadData(f"unknown kind of split {kind!r}", f"the kinds are {', '.join(get_args(SplitKind))}")
    return make_split(ratings, part, kind, 0 if kind in UNSEEDED_KINDS else seed, test=test, validation=validation)


@check_arguments()
def folds(ratings: RatingsLike, k: int, *, seed: int = 0, validation: float = 0.1) -> Iterator[Split]:
    """Yields k splits for cross-validation: each rating is in the test part of one of them.

    Fold f tests on piece f of k near-equal pieces of `numpy.random.default_rng(seed).permutation(n)`; the last
    ⌊rest · validation⌋ of the other rows, in that order, are validation. Raises BadData for fewer than 2 folds, or
    more than there are ratings.
    """
    ratings = as_ratings("ratings", ratings)
    check_whole("k", k, "the number of folds")
    if not 2 <= k <= len(ratings):
        raise BadData(f"{k} folds of {len(ratings):,} ratings", "give from 2 folds to one per rating")
    check_share("validation", validation)
    _check_seed(seed)
    order = np.random.default_rng(seed).permutation(len(ratings))
    for f, held_out in enumerate(np.array_split(order, k)):
        part = np.zeros(len(ratings), dtype=np.int8)
        part[held_out] = TEST
        rest = order[part[order] == TRAIN]
        part[rest[len(rest) - share_count(len(rest), validation) :]] = VALIDATION
        yield make_split(ratings, part, f"fold {f + 1} of {k}", seed, validation=validation)


@check_arguments()
def repeated_folds(
    ratings: RatingsLike, k: int, repeats: int, *, seed: int = 0, validation: float = 0.1
) -> Iterator[Split]:
    """`folds` with each of the seeds `seed` … `seed + repeats - 1`: every rating is tested once in each repeat."""
    ratings = as_ratings("ratings", ratings)
    check_whole("repeats", repeats, "how often the folds are drawn")
    if repeats < 1:
        raise BadData(f"{repeats} repeats", "give at least 1")
    for repeat in range(repeats):
        yield from folds(ratings, k, seed=seed + repeat, validation=validation)


def given_split(
    train: Ratings, test: Ratings, *, validation: Ratings | float = 0.1, seed: int = 0, kind: str = GIVEN
) -> Split:
    """A split of tables that were split before: train, test, and validation or the share of train to use for it.

    The parts share the users and items of all tables. Titles and genres come from `train` where it has them, otherwise
    from the other tables. A share of validation ratings is drawn at random with `seed`. Raises BadData where a pair of
    user and item occurs twice, or where train or the validation part is empty.
    """
    _check_seed(seed)
    if isinstance(validation, Ratings):
        train, validation = align(train, validation)
        train, test = align(train, test)
        validation = reindex(train, validation)
        _check_given({"training": train, "validation": validation, "test": test})
        result = Split(train, validation, test, kind)
        _check_sizes(result, 0, 0)
        return result
    check_share("validation", validation)
    train, test = align(train, test)
    _check_given({"training": train, "test": test})
    part = at_random(len(train), seed, 0.0, validation)
    result = Split(train.where(part == TRAIN), train.where(part == VALIDATION), test, kind, seed)
    _check_sizes(result, 0, validation)
    return result


def _check_given(parts: Mapping[str, Ratings]) -> None:
    """Raises BadData where two of the parts, by name, have a pair of user and item in common."""
    hint = "a rating may be in one part only: remove it from the other"
    for (name, one), (other_name, other) in combinations(parts.items(), 2):
        check_disjoint(one, other, (name, other_name), BadData, hint)


def save_split(split: Split, path: Path | str) -> None:
    """Writes a split to a folder, completely or not at all (see `saved_split`). Raises BadData where it cannot.

    A split that was saved there before is replaced; a folder of anything else is not.
    """
    check_type("split", split, Split, "cofactor.split makes one of ratings")
    check_path(path)
    write_parts(Path(path), split.parts, {"kind": split.kind, "seed": split.seed, "fingerprint": split.fingerprint})


def load_split(path: Path | str) -> Split:
    """The split in a folder. Raises BadArtifact, with the file, for one that is missing, damaged or changed."""
    check_path(path)
    parts, facts = read_parts(Path(path), PARTS)
    try:
        return Split(**parts, kind=str(facts["kind"]), seed=int(facts["seed"]), fingerprint=str(facts["fingerprint"]))
    except BadData as e:
        raise BadArtifact(f"{path}: {e.message}", "make the split again") from None
    except (KeyError, TypeError, ValueError) as e:
        raise BadArtifact(
            f"{path}: the manifest has no usable kind, seed or fingerprint: {e}", "make the split again"
        ) from None


def make_split(
    ratings: Ratings, part: Array, kind: str, seed: int = 0, *, test: float = 1, validation: float = 0
) -> Split:
    """The split of ratings with the given (n,) parts; raises BadData where a part with a share above 0 is empty."""
    train, held_back, tested = (ratings.where(part == number) for number in (TRAIN, VALIDATION, TEST))
    made = Split(train, held_back, tested, kind, seed)
    _check_sizes(made, test, validation)
    return made


def check_share(name: str, share: float) -> None:
    if not 0 <= share < 1:
        raise BadData(f"a {name} share of {share:g}", "a share is at least 0 and below 1, as in 0.1")


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 1 << 63:
        raise BadData(f"a seed of {seed!r}", "give a whole number from 0, below 2**63")


def _check_shares(test: float, validation: float) -> None:
    check_share("test", test)
    check_share("validation", validation)
    if test == validation == 0:
        raise BadData("nothing is held out", "give a test or a validation share above 0")


def _check_sizes(made: Split, test: float, validation: float) -> None:
    wanted = {"train": 1.0, "validation": validation, "test": test}
    for name, part in made.parts.items():
        if wanted[name] and not len(part):
            total = sum(map(len, made.parts.values()))
            noun = values_noun(made.train.kind)
            raise BadData(f"{total:,} {noun} are too few: the {name} part is empty", f"use more {noun} or other shares")


def join_parts(train: Ratings, validation: Ratings) -> Ratings:
    """The rows of two parts of one split in one table."""
    both: dict[str, Any] = {
        name: np.concatenate((getattr(train, name), getattr(validation, name))) for name in ("user", "item", "value")
    }
    if train.time is not None and validation.time is not None:
        both["time"] = np.concatenate((train.time, validation.time))
    return replace(train, **both)
