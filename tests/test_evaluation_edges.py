"""Evaluation in unusual places: ties, boundaries, empty inputs, and each half of a condition."""

from dataclasses import replace
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split
from cofactor.errors import BadData, BadHyperparameter, SplitMismatch
from cofactor.evaluation.breakdowns.groups import MAX_VALUES, _group_by_days, groupings
from cofactor.evaluation.compare import compare, compare_reports
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.held_out import hold_out
from cofactor.evaluation.metrics.item_statistics import MAX_GENRES, ItemStatistics, mean_history_popularity
from cofactor.evaluation.sampled_negatives import draw_negatives, read_split_cases
from cofactor.evaluation.significance.bootstrap import UserTotals
from cofactor.evaluation.significance.difference import Difference
from cofactor.evaluation.significance.p_values import DifferenceTest, bootstrap_difference
from cofactor.evaluation.significance.per_user_values import Samples
from cofactor.evaluation.significance.seed_variance import SeedVariance, group_by_seed
from cofactor.evaluation.significance.verdicts import describe_differences
from cofactor.report.write import _pictures_of
from cofactor.trainers.popularity import Popularity
from tests.test_evaluate import halves, scoring


def counted(counts: list[int], genres: list[str | None] | None = None) -> ItemStatistics:
    """Statistics of items of which item i has counts[i] training ratings; the test is one pair of another user."""
    users = [f"u{n:02}" for count in counts for n in range(count)]
    items = [f"i{row:03}" for row, count in enumerate(counts) for _ in range(count)]
    everything = Ratings.of([*users, "x"], [*items, items[0]], np.ones(len(users) + 1))
    train, test = everything.where(np.arange(len(users))), everything.where([len(users)])
    if genres is not None:
        train = replace(train, genres=np.array(genres, object))
    return ItemStatistics(hold_out(test, train.training_data))


# ---- test ratings ----------------------------------------------------------------------------------------------------


def test_scales_are_compared_only_for_ratings_of_the_same_known_split() -> None:
    train, test = halves(3)
    doubled = replace(test, value=test.value * 2, scale=(2, 10))
    assert len(hold_out(doubled, train.training_data).value) == len(test)  # neither says its split
    known = replace(train, split="a").training_data
    assert len(hold_out(doubled, known).value) == len(test)
    assert len(hold_out(replace(doubled, split="a"), train.training_data).value) == len(test)
    assert len(hold_out(replace(test, split="a"), known).value) == len(test)
    with pytest.raises(SplitMismatch, match="from 1 to 5, these are from 2 to 10"):
        hold_out(replace(doubled, split="a"), known)


def test_metrics_over_k_follow_the_order_that_was_asked_for() -> None:
    train, test = halves(4)
    report = evaluate(scoring(train.training_data, np.random.default_rng(4).normal(3, 1, (12, 30))), test, (5,))
    one, five = (report.over_k("recall", [k])[0] for k in (1, 5))
    assert report.over_k("recall", (5, 1, 5)).tolist() == [five, one, five]
    assert one < five == report.metrics["recall@5"]


# ---- statistics of items ---------------------------------------------------------------------------------------------


def test_equally_popular_items_are_ordered_by_row() -> None:
    assert counted([2] * 50).popularity_ranks.tolist() == list(range(50))
    assert counted([1, 3] * 30).popularity_ranks.tolist() == [30 + n // 2 if n % 2 == 0 else n // 2 for n in range(60)]


@pytest.mark.parametrize(
    ("counts", "tail"),
    [
        ([4, 1], [False, True]),  # the first holds exactly 80 %
        ([3, 1, 1], [False, False, True]),
        ([1, 4], [True, False]),
        ([5], [False]),
    ],
)
def test_the_head_is_the_fewest_items_that_hold_its_share(counts: list[int], tail: list[bool]) -> None:
    assert counted(counts).long_tail.tolist() == tail


@pytest.mark.parametrize(("n", "columns"), [(MAX_GENRES, MAX_GENRES), (MAX_GENRES + 1, 0)])
def test_genres_are_compared_up_to_a_number(n: int, columns: int) -> None:
    genres = ["|".join(f"g{one:03}" for one in range(n)), "g000|(no genres listed)", None]
    vectors = counted([1, 1, 1], genres).genres
    assert vectors.shape == (3, columns)
    if columns:
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0])
        assert vectors[1, 0] == 1


def test_the_popularity_of_an_empty_history_is_undefined() -> None:
    found = mean_history_popularity(
        np.array([5, 1, 3], np.int32), np.array([0, 2, 2, 3]), np.array([0, 2, 1], np.int32)
    )
    np.testing.assert_array_equal(found, [4, nan, 1])


# ---- sampled negatives -----------------------------------------------------------------------------------------------


def test_a_sample_needs_a_test_rating_and_a_negative(tmp_path: Path) -> None:
    ratings = Ratings.of([*"aabbb"], ["1", "2", "1", "2", "3"], [1] * 5)
    parts = Split(ratings.where([0, 2, 4]), ratings.where([]), ratings.where([3, 1]), "toy")
    with pytest.raises(BadData, match="0 negatives for 2 test ratings"):
        draw_negatives(parts, 0)
    with pytest.raises(BadData, match="3 negatives for 0 test ratings"):
        draw_negatives(Split(ratings, ratings.where([]), ratings.where([]), "toy"), 3)
    with pytest.raises(BadData, match="user 'b' has rated every item"):
        draw_negatives(parts, 1)
    (tmp_path / "n").write_text("(a,2)\t3\n")  # one pair is missing
    with pytest.raises(BadData, match="not the test pairs of the split"):
        read_split_cases(tmp_path / "n", parts)


# ---- groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "first"), [(MAX_VALUES, "0"), (MAX_VALUES + 1, "up to 2")])
def test_few_values_are_groups_and_more_are_put_together(n: int, first: str) -> None:
    values = np.arange(n, dtype=np.float32)
    ratings = Ratings.of([*(f"u{one:02}" for one in range(n)), "x"], [*["i"] * n, "j"], [*values, 0])
    held_out = hold_out(ratings.where(np.arange(n)), ratings.where([n]).training_data)
    by_value = list(groupings(held_out, None))[2]
    assert by_value.labels[0] == first
    assert len(by_value.labels) == (n if n == MAX_VALUES else 5)
    assert sorted(np.concatenate(by_value.members).tolist()) == list(range(n))


def test_the_moment_training_ends_is_not_before_its_end() -> None:
    found = _group_by_days("time", "days", np.array([-1, 0, 5 * 86400, 40 * 86400]), "earlier")
    assert found.labels[0] == "earlier"
    assert found.members[0].tolist() == [0]
    assert 1 in found.members[1]


# ---- differences -----------------------------------------------------------------------------------------------------


def samples(total: list[float], weight: list[float]) -> list[Samples]:
    return [Samples(np.arange(len(total)), np.array(total), np.array(weight, float))]


def test_users_differ_also_by_their_weight_alone() -> None:
    alike = UserTotals.from_samples([samples([1, 2, 3], [1, 1, 1]), samples([1, 2, 4], [1, 1, 1])], 0)
    assert (alike.weight.shape, alike.count_differing(0, 1), alike.count_differing(0, 0)) == ((3, 1, 1), 1, 0)
    weighted = UserTotals.from_samples([samples([1, 2, 3], [1, 1, 1]), samples([1, 2, 3], [1, 2, 2])], 0)
    assert (weighted.weight.shape, weighted.count_differing(0, 1)) == ((3, 2, 1), 2)


@pytest.mark.parametrize(("n_finite", "known"), [(50, True), (49, False), (0, False)])
def test_a_difference_needs_half_of_the_draws(n_finite: int, known: bool) -> None:
    totals = UserTotals.from_samples([samples([1.0, 2.0, 4.0], [1, 1, 1]), samples([0.0, 1.0, 1.0], [1, 1, 1])], 0)
    draws = np.full((2, 100), nan)
    draws[:, :n_finite] = np.random.default_rng(0).normal(1, 0.3, (2, n_finite))
    found = bootstrap_difference(totals, draws, 0, 1)
    assert found.value == pytest.approx(5 / 3)
    assert [isnan(one) for one in found[1:]] == [not known] * 3


def test_few_draws_have_a_p_and_the_order_of_two_models_is_nothing_to_it() -> None:
    """Of fewer than twenty draws, the half is the tail."""
    totals = UserTotals.from_samples([samples([3.0, 2.0, 4.0], [1, 1, 1]), samples([0.0, 1.0, 1.0], [1, 1, 1])], 0)
    draws = np.random.default_rng(1).normal(0, 1, (2, 7))
    there, back = bootstrap_difference(totals, draws, 0, 1), bootstrap_difference(totals, draws, 1, 0)
    assert 0.25 <= there.p <= 1  # three users who agree: at least 2^-2
    assert there.p == pytest.approx(back.p)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_seeds_that_differ_less_than_users_explain_add_nothing() -> None:
    assert SeedVariance(1.0, 3.0, 2.0).unexplained == 0
    assert SeedVariance(3.0, 1.0, 2.0).unexplained == 2
    assert SeedVariance().difference_with(SeedVariance()) == SeedVariance(0.0, 0.0, 1.0)
    twice = SeedVariance(1.0, 0.0, 2.0).difference_with(SeedVariance(1.0, 0.5, 2.0))
    assert twice == (2.0, 0.5, pytest.approx(4.0))
    with pytest.raises(BadHyperparameter, match="a was trained with different numbers of seeds on the splits: 0"):
        group_by_seed({"a": [[]]})


@pytest.mark.parametrize(("p", "text"), [(0.00099, "p < 0.001"), (0.001, "p = 0.001"), (0.04, "p = 0.04")])
def test_small_p_values_are_bounds(p: float, text: str) -> None:
    reference, other = (
        Difference("rmse", name, "a", value, value, value, p, p) for name, value in (("a", 0.0), ("b", 0.1))
    )
    assert describe_differences("rmse", [reference, other]).endswith(f"{text})")
    assert DifferenceTest(0.1, 0.1, 0.1, p).p == p


# ---- comparisons -----------------------------------------------------------------------------------------------------


def test_of_a_property_without_direction_the_highest_is_the_reference() -> None:
    train, test = halves(5)
    rng = np.random.default_rng(5)
    models = {name: scoring(train.training_data, rng.normal(3, 1, (12, 30))) for name in ("a", "b")}
    models["popular"] = Popularity().fit(train)  # type: ignore[assignment]
    comparison = compare(models, test, (5,), extra_metrics=("arp@5",))
    assert {one.against for one in comparison.differences["arp@5"].values()} == {"popular"}
    assert comparison.metrics["popular"]["arp@5"] == max(one["arp@5"] for one in comparison.metrics.values())
    assert "popular" not in comparison.differences["rmse"]  # it predicts no ratings


def test_reports_of_one_split_are_not_said_to_be_of_a_split() -> None:
    train, test = halves(6)
    model = scoring(train.training_data, np.ones((12, 30)))
    whole, half = evaluate(model, test, ()), evaluate(model, test.where(np.arange(len(test)) % 2 == 0), ())
    with pytest.raises(SplitMismatch, match=r"a and b were measured on different test ratings\n"):
        compare_reports({"a": [whole], "b": [half]})


def test_the_uncertainty_is_named_after_what_varies() -> None:
    train, test = halves(7)
    rng = np.random.default_rng(7)
    one, other = (evaluate(scoring(train.training_data, rng.normal(3, 1, (12, 30))), test, ()) for _ in range(2))
    cases = {
        "standard error": [one],
        "standard deviation over 2 seeds, whose mean is shown": [[one, other]],
        "standard deviation over the splits": [one, other],
        "standard deviation over the splits, each the mean of 2 seeds": [[one, other], [other, one]],
    }
    for text, reports in cases.items():
        assert compare_reports({"a": reports}).uncertainty[0] == text
    spread = abs(one.metrics["rmse"] - other.metrics["rmse"]) / 2**0.5
    assert compare_reports({"a": [one, other]}).uncertainty[1]["a"]["rmse"] == pytest.approx(spread)
    assert isnan(compare_reports({"a": [one]}).split_deviations["a"]["rmse"])


# ---- reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "[]", "{", '{"pictures": 3}', '{"other": []}', "null"])
def test_a_file_that_is_no_report_names_no_plots(tmp_path: Path, text: str) -> None:
    (tmp_path / "comparison.json").write_text(text)
    assert _pictures_of(tmp_path / "comparison.json") == set()
    assert _pictures_of(tmp_path / "missing.json") == set()


def test_only_names_of_plots_are_taken_from_an_earlier_report(tmp_path: Path) -> None:
    file = tmp_path / "comparison.json"
    file.write_text('{"pictures": ["groups-genre", "cost", "../cost", "Cost", "holiday-rome", 7, "learning-rmse"]}')
    assert _pictures_of(file) == {"groups-genre", "cost", "learning-rmse"}
