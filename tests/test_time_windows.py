"""Splits along time: nothing that is learned is later than what is tested."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cofactor.data.dates import format_time
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.assign_parts import share_count
from cofactor.data.splitting.split import Split, load_split, save_split, split
from cofactor.data.splitting.time_windows import rolling_windows, split_at_time
from cofactor.errors import BadData

YEAR_2000 = 946_684_800


@st.composite
def dated(draw: st.DrawFn) -> Ratings:
    """Ratings of distinct pairs in any order, with times that tie often or seldom."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(60, 90))
    cells = random.permutation(100)[:n]
    times = YEAR_2000 + random.integers(0, draw(st.sampled_from([6, 1000])), n)
    return Ratings.of([f"u{cell // 10}" for cell in cells], cells % 10, random.integers(1, 6, n), times)


def pairs(part: Ratings) -> list[tuple[str, str]]:
    return list(zip(part.users.ids[part.user], part.items.ids[part.item], strict=True))


def in_order(made: Split) -> bool:
    """Whether each part is later than the one before it."""
    times = [part.time for part in made.parts.values() if len(part)]
    return all(before.max() < after.min() for before, after in pairwise(times))


def is_near(ratings: Ratings, n: int, wanted: int) -> bool:
    """Whether n differs from the wanted number by less than the most ratings that share a time."""
    return abs(n - wanted) < np.unique(ratings.time, return_counts=True)[1].max()


@settings(max_examples=40, deadline=None)
@given(dated(), st.integers(2, 4), st.sampled_from([0, 0.1, 0.3]))
def test_windows_roll_along_time(ratings: Ratings, n: int, validation: float) -> None:
    try:
        made = list(rolling_windows(ratings, n, test=0.2, validation=validation))
    except BadData:
        if len(np.unique(ratings.time)) > 10:  # otherwise many ratings share a time
            raise
        return
    size = share_count(len(ratings), 0.2)
    assert all(is_near(ratings, sum(len(one.test) for one in made[-k:]), k * size) for k in range(1, n + 1))
    assert len({one.fingerprint for one in made}) == n
    assert len({pair for one in made for pair in pairs(one.test)}) == sum(len(one.test) for one in made)
    for before, one in zip([None, *made], made, strict=False):
        assert in_order(one)
        learned = set(pairs(one.train)) | set(pairs(one.validation))
        assert len(learned) == len(one.train) + len(one.validation)
        assert is_near(ratings, len(one.validation), share_count(len(learned), validation))
        assert (len(one.validation) > 0) == (validation > 0)
        assert not learned & set(pairs(one.test))
        if before is not None:  # all that the window before had, and its test ratings
            assert learned == {pair for part in before.parts.values() for pair in pairs(part)}
    last = split(ratings, "time", test=0.2, validation=validation)
    assert [pairs(part) for part in made[-1].parts.values()] == [pairs(part) for part in last.parts.values()]


@settings(max_examples=40, deadline=None)
@given(dated(), st.integers(0, 10**6), st.sampled_from([0, 0.1, 0.3]))
def test_a_cut_is_one_moment_for_all(ratings: Ratings, at: int, validation: float) -> None:
    assert ratings.time is not None
    cut = int(np.sort(ratings.time)[at % len(ratings)])
    before = np.count_nonzero(ratings.time < cut)
    assume(share_count(before, validation) > 0 if validation else before > 0)
    try:
        made = split_at_time(ratings, cut, validation=validation)
    except BadData:
        if len(np.unique(ratings.time)) > 10:  # otherwise many ratings share a time
            raise
        return
    assert set(pairs(made.test)) == set(pairs(ratings.where(ratings.time >= cut)))
    assert is_near(ratings, len(made.validation), share_count(before, validation))
    assert sum(map(len, made.parts.values())) == len(ratings)
    assert in_order(made)
    order = np.random.default_rng(at).permutation(len(ratings))
    assert split_at_time(ratings.where(order), cut, validation=validation).fingerprint == made.fingerprint


def test_what_cannot_be_cut_is_said() -> None:
    ratings = Ratings.of("abcdefgh", "xxxxxxxx", range(8), range(8))
    for cut, part in ((0, "train"), (100, "test"), (1, "validation")):
        with pytest.raises(BadData, match=f"the {part} part is empty"):
            split_at_time(ratings, cut, validation=0.5)
    for n, test, said in (
        (1, 0.1, "1 windows"),
        (4, 0.25, "leave nothing"),
        (2, 0.1, "0.1 of 8 ratings"),
        (2, 1, "share"),
    ):
        with pytest.raises(BadData, match=said) as error:
            next(rolling_windows(ratings, n, test=test))
        assert error.value.hint
    timeless = replace(ratings, time=None)
    with pytest.raises(BadData, match="no times"):
        split_at_time(timeless, 3)
    with pytest.raises(BadData, match="no times"):
        next(rolling_windows(timeless, 2, test=0.25))


def test_kinds_say_when_and_survive_a_folder(tmp_path) -> None:
    ratings = Ratings.of("abcdefgh", "xxxxxxxx", range(8), YEAR_2000 + 3600 * np.arange(8))
    made = split_at_time(ratings, YEAR_2000 + 2 * 3600, validation=0)
    assert made.kind == "cut 2000-01-01T02:00:00"
    assert format_time(YEAR_2000) == "2000-01-01"
    assert format_time(10**18) == str(10**18)
    save_split(made, tmp_path / "cut")
    assert load_split(tmp_path / "cut").fingerprint == made.fingerprint
    assert [one.kind for one in rolling_windows(ratings, 2, test=0.25, validation=0)] == [
        "window 1 of 2",
        "window 2 of 2",
    ]


def test_windows_that_hold_all_ratings_leave_nothing_to_train_on() -> None:
    ratings = Ratings.of([*"12345678"], [*"abcdefgh"], [3] * 8, [*range(8)])
    with pytest.raises(BadData, match=r"4 windows of 0.25 of the ratings leave nothing"):
        next(rolling_windows(ratings, 4, test=0.25))
    assert [len(one.train) for one in rolling_windows(ratings, 3, test=0.25, validation=0)] == [2, 4, 6]


def test_a_rating_at_the_very_time_of_the_cut_is_tested() -> None:
    ratings = Ratings.of([*"1234"], [*"abcd"], [3] * 4, [10, 20, 20, 30])
    assert [len(part) for part in split_at_time(ratings, 20, validation=0).parts.values()] == [1, 0, 3]
    assert [len(part) for part in split_at_time(ratings, 21, validation=0).parts.values()] == [3, 0, 1]


@pytest.mark.parametrize(
    ("times", "n_test"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 4),  # the share
        ([1, 2, 3, 4, 5, 6, 6, 8, 9, 10], 5),  # the nearest change is one earlier
        ([1, 2, 3, 4, 5, 5, 5, 8, 9, 10], 3),  # or one later
        ([1, 2, 3, 4, 4, 4, 4, 8, 9, 10], 3),  # of four, one lies in the part
        ([1, 1, 1, 1, 1, 1, 1, 8, 9, 10], 3),
        ([6.25, 1, 2, 3, 4, 5, 6.75, 8, 9, 10], 4),  # parts of a second tell ratings apart
    ],
)
def test_a_part_begins_at_the_nearest_change_of_time(times: list[float], n_test: int) -> None:
    ratings = Ratings.of([*"abcdefghij"], [*"abcdefghij"], [3] * 10, times)
    made = split(ratings, "time", test=0.4, validation=0)
    assert len(made.test) == n_test
    assert in_order(made)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([1_700_000_000] * 10, "the test part would begin within all ratings of the same time, 2023-11-14T22:13:20"),
        ([0] + [7] * 9, "the test part would begin within 9 ratings of the same time, 1970-01-01T00:00:07"),
        ([0, 1, 2, 3, 4, 4, 4, 4, 4, 4], "the test part would begin within 6 ratings"),
        ([0, 3, 3, 3, 3, 3, 3, 3, 8, 9], "the validation part would begin within 7 ratings"),
    ],
)
def test_many_ratings_of_one_time_are_not_cut(times: list[int], said: str) -> None:
    ratings = Ratings.of([*"abcdefghij"], [*"abcdefghij"], [3] * 10, times)
    with pytest.raises(BadData, match=said) as error:
        split(ratings, "time", test=0.2, validation=0.25)
    assert error.value.hint


def test_windows_of_one_time_are_not_made() -> None:
    ratings = Ratings.of([*"abcdefghij"], [*"abcdefghij"], [3] * 10, [0, 1, 2, 3, 4, 5, 5, 5, 5, 5])
    with pytest.raises(BadData, match="would begin within 5 ratings of the same time"):
        list(rolling_windows(ratings, 2, test=0.2, validation=0))
