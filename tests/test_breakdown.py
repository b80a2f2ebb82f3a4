from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import Ratings
from cofactor.errors import SplitMismatch
from cofactor.evaluation.breakdowns.breakdown import break_down
from cofactor.evaluation.breakdowns.groups import FIFTHS, round_edges
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.held_out import hold_out
from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.models.base import Model
from cofactor.trainers.popularity import Popularity
from tests.test_evaluate import halves, scoring

DAY = 86400
TITLES = ["user activity", "item popularity", "rating", "genre", "age of the rating"]


def parts(seed: int, density: float = 0.5) -> tuple[Ratings, Ratings]:
    """Halves with genres, of which every fifth item has none and others have two, and with times."""
    rng = np.random.default_rng(seed)
    train, test = halves(seed, density=density)
    genres = np.array([["Comedy", "Drama|War", "Drama", "War|Comedy", None][i % 5] for i in range(30)], dtype=object)
    times = [rng.integers(10**9, 10**9 + 400 * DAY, len(part)) for part in (train, test)]
    return replace(train, time=times[0], genres=genres), replace(test, time=times[1], genres=genres)


def some_model(train: Ratings, seed: int) -> Model:
    return scoring(train.training_data, np.random.default_rng(seed + 1).normal(3, 1, (12, 30)))


def by_hand(train: Ratings, test: Ratings) -> dict[str, dict[str, set[tuple[int, int]]]]:
    """Pairs of the test by true rating, by genre, and by whether user or item are in the training ratings."""
    found: dict[str, dict[str, set[tuple[int, int]]]] = {by: {} for by in TITLES[:4]}
    for user, item, value in zip(test.user.tolist(), test.item.tolist(), test.value.tolist(), strict=True):
        labels = [("rating", f"{value:g}")]
        labels += [("genre", genre) for genre in (train.genres[item] or "no genre").split("|")]
        labels += [("user activity", "none")] if user not in train.user else []
        labels += [("item popularity", "none")] if item not in train.item else []
        for by, label in labels:
            found[by].setdefault(label, set()).add((user, item))
    return found


def test_groups_and_their_figures_are_those_worked_out_by_hand():
    train, test = parts(0)
    model = some_model(train, 0)
    expected = by_hand(train, test)
    tables = {one.by: {group.label: group for group in one.groups} for one in found(model, train, test)}
    assert list(tables) == TITLES
    assert tables["rating"].keys() == expected["rating"].keys()
    assert tables["genre"].keys() == expected["genre"].keys()
    places = ranks(model, train, test)
    for by, groups in expected.items():
        for label, pairs in groups.items():
            error = np.array(
                [model.predict_rows(*rows(u, i))[0] - value_of(test, u, i) for u, i in sorted(pairs)], float
            )
            users = np.array([u for u, _ in sorted(pairs)])
            group = tables[by][label]
            assert (group.ratings, group.users) == (len(pairs), len(set(users.tolist())))
            assert group.metrics["m"]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-6)
            assert group.metrics["m"]["mae"] == pytest.approx(np.mean(abs(error)), abs=1e-6)
            assert group.metrics["m"]["bias"] == pytest.approx(np.mean(error), abs=1e-6)
            assert group.errors["m"]["bias"] == pytest.approx(standard_error(error, users), abs=1e-6, nan_ok=True)
            if by != "user activity":
                hits = np.array([places[pair] <= 5 for pair in sorted(pairs)], float)
                assert group.metrics["m"]["recall@5"] == pytest.approx(hits.mean())
                assert group.errors["m"]["recall@5"] == pytest.approx(standard_error(hits, users), nan_ok=True)
                assert "ndcg@5" not in group.metrics["m"]


def found(model: Model, train: Ratings, test: Ratings, **options):
    return break_down({"m": evaluate(model, test, (5,), **options)}, test, train.training_data, train)


def rows(user: int, item: int):
    return np.array([user], np.int32), np.array([item], np.int32)


def value_of(test: Ratings, user: int, item: int) -> float:
    return float(test.value[(test.user == user) & (test.item == item)][0])


def ranks(model: Model, train: Ratings, test: Ratings) -> dict[tuple[int, int], int]:
    """The place of each test item among what its user has not rated in training."""
    places = {}
    for user in set(test.user.tolist()):
        score = np.where(model.rankable, model.score_rows(np.array([user], np.int32))[0], -np.inf)
        open_items = set(range(30)) - set(train.item[train.user == user].tolist())
        order = sorted(open_items, key=lambda item: (-score[item], item))
        places |= {(user, item): place for place, item in enumerate(order, start=1)}
    return places


@given(st.integers(0, 10**6), st.floats(0.2, 0.9), st.sampled_from([None, 3.0, 5.0]))
@settings(deadline=None, max_examples=25)
def test_groups_part_the_ratings_and_their_figures_recombine_to_those_of_the_report(seed, density, relevant_from):
    train, test = parts(seed, density)
    model = some_model(train, seed)
    report = evaluate(model, test, (3, 10), relevant_from=relevant_from)
    ranked = report.counts["ranked_users"]
    for table in break_down({"m": report}, test, train.training_data, train):
        sizes = np.array([group.ratings for group in table.groups])
        assert (sizes > 0).all()
        assert len({group.label for group in table.groups}) == len(table.groups)
        if table.by == "genre":  # a rating may be in two
            assert sizes.sum() >= len(test)
            continue
        assert sizes.sum() == len(test)
        squares = [group.metrics["m"]["rmse"] ** 2 for group in table.groups]
        assert np.average(squares, weights=sizes) == pytest.approx(report.metrics["mse"])
        biases = [group.metrics["m"]["bias"] for group in table.groups]
        assert np.average(biases, weights=sizes) == pytest.approx(report.prediction_errors.mean(), abs=1e-9)
        if ranked and relevant_from is None:
            name = "ndcg@10" if table.by == "user activity" else "recall@10"
            weights = [group.users for group in table.groups] if name == "ndcg@10" else sizes
            whole = report.metrics[name] if name == "ndcg@10" else np.mean(report.scored_test_set.ranks.ranks <= 10)
            values = [group.metrics["m"][name] for group in table.groups]
            assert np.average(values, weights=weights) == pytest.approx(whole)


def test_every_standard_error_is_the_one_of_the_metrics():
    train, test = parts(1)
    report = evaluate(some_model(train, 1), test, (5,))
    held = report.scored_test_set.held_out
    for table in break_down({"m": report}, test, train.training_data):
        if table.by != "rating":
            continue
        for group in table.groups:
            mask = held.value == float(group.label)
            error, user = report.prediction_errors[mask], held.user[mask]
            rmse = np.sqrt(np.mean(error**2))
            assert group.errors["m"]["mae"] == pytest.approx(standard_error(np.abs(error), user))
            assert group.errors["m"]["rmse"] == pytest.approx(standard_error(error**2, user) / (2 * rmse))


def test_only_what_a_list_should_find_is_asked_of_it():
    train, test = parts(2)
    model = some_model(train, 2)
    places, pairs = ranks(model, train, test), by_hand(train, test)["rating"]
    groups = {group.label: group for group in found(model, train, test, relevant_from=4.0)[2].groups}
    assert not any("recall@5" in groups[label].metrics["m"] for label in "123")
    for label in "45":
        hits = [places[pair] <= 5 for pair in pairs[label]]
        assert groups[label].metrics["m"]["recall@5"] == pytest.approx(np.mean(hits))


def test_a_model_that_only_ranks_has_no_errors_and_one_without_lists_has_no_recall():
    train, test = parts(3)
    reports = {
        "popular": evaluate(Popularity().fit(train), test, (5,)),
        "errors": evaluate(some_model(train, 3), test, ()),
    }
    for table in break_down(reports, test, train.training_data):
        for group in table.groups:
            assert not {"rmse", "mae", "bias"} & group.metrics["popular"].keys()
            assert group.metrics["errors"].keys() == {"rmse", "mae", "bias"}
            assert group.metrics.keys() == group.errors.keys() == {"popular", "errors"}


def test_groups_are_the_same_for_a_model_whose_rows_are_others():
    train, test = parts(4)
    seen = np.unique(train.user), np.unique(train.item)
    assert len(seen[1]) < 30  # it has not even heard of some
    names = [train.users.ids[u] for u in train.user], [train.items.ids[i] for i in train.item]
    other = Ratings.of(*names, train.value)
    score = np.random.default_rng(40).normal(3, 1, (12, 30))
    reports = {
        "same rows": evaluate(scoring(train.training_data, score), test, (5,)),
        "other rows": evaluate(scoring(other.training_data, score[np.ix_(*seen)]), test, (5,)),
    }
    tables = [break_down(reports, test, training_data) for training_data in (train.training_data, other.training_data)]
    for ours, theirs in zip(*([t for t in some if t.by != "genre"] for some in tables), strict=True):
        assert [(g.label, g.ratings) for g in ours.groups] == [(g.label, g.ratings) for g in theirs.groups]
    known = [group for group in tables[0][0].groups if group.label != "none"]
    for group in known:
        recalls = [group.metrics[name]["recall@5"] for name in reports]
        assert recalls[0] == pytest.approx(recalls[1])


def test_a_report_of_other_ratings_is_refused_and_one_without_evidence_has_no_part():
    train, test = parts(5)
    model = some_model(train, 5)
    whole, less = evaluate(model, test, (5,)), test.where(test.value > 1)
    with pytest.raises(SplitMismatch, match="report of half is of other test ratings"):
        break_down({"half": evaluate(model, less, (5,))}, test, train.training_data)
    none = hold_out(test, train.training_data)
    none = replace(none, user=none.user[:0], item=none.item[:0], value=none.value[:0])
    bare = replace(whole, scored_test_set=replace(whole.scored_test_set, held_out=none))
    assert break_down({"bare": bare}, test, train.training_data) == ()
    assert break_down({}, test, train.training_data) == ()
    tables = break_down({"bare": bare, "whole": whole}, test, train.training_data)
    assert tables[0].groups[0].metrics.keys() == {"whole"}


# ---- which groups ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (range(1, 1001), [200, 400, 600, 800]),
        ([23, 67, 180, 420, 900], [20, 70, 200, 400]),
        ([911, 923, 948, 977, 999], [910, 920, 950, 980]),  # one digit would not tell them apart
        ([7] * 10, [7]),
        ([0, 0, 0, 3, 40], [1, 3]),
        ([], []),
    ],
)
def test_edges_are_as_round_as_keeps_them_apart(values, expected):
    assert round_edges(np.array(values, dtype=np.int64), FIFTHS).tolist() == expected


def test_counts_are_grouped_up_to_round_numbers():
    """100 users rate 1 … 100 items in training and one each in the test."""
    user = np.repeat(np.arange(100), np.arange(1, 101))
    item = np.concatenate([np.arange(n) for n in range(1, 101)])
    everybody = Ratings.of([*user, *range(100)], [*item, *[100] * 100], np.ones(len(user) + 100) * 3)
    held_out = everybody.items.row("100")
    train, test = everybody.where(everybody.item != held_out), everybody.where(everybody.item == held_out)
    tables = break_down({"m": evaluate(Popularity().fit(train), test, (5,))}, test, train.training_data)
    activity = {group.label: group.ratings for group in tables[0].groups}
    assert activity == {"1–5": 5, "6–20": 15, "21–50": 30, "51–80": 30, "over 80": 20}
    assert [group.label for group in tables[1].groups] == ["none"]  # nobody rated the item in training


def test_values_of_a_continuous_scale_are_grouped_in_fifths():
    rng = np.random.default_rng(0)
    ratings = Ratings.of(np.repeat(np.arange(40), 50), np.tile(np.arange(50), 40), rng.uniform(-10, 10, 2000))
    mask = rng.random(2000) < 0.5
    train, test = ratings.where(~mask), ratings.where(mask)
    groups = break_down({"m": evaluate(Popularity().fit(train), test, (5,))}, test, train.training_data)[2].groups
    assert [group.label for group in groups] == ["up to -6", "-6 to -2", "-2 to 2", "2 to 6", "over 6"]
    assert min(group.ratings for group in groups) > 150


def test_no_more_genres_are_listed_than_can_be_read():
    train, test = parts(6)
    genres = np.array([f"genre {i}" if i else None for i in range(30)], dtype=object)
    train, test = replace(train, genres=genres), replace(test, genres=genres)
    table = found(some_model(train, 6), train, test)[3]
    sizes = [group.ratings for group in table.groups]
    assert len(table.groups) == 22
    assert [group.label for group in table.groups[-2:]] == ["other genres", "no genre"]
    assert sizes[:20] == sorted(sizes[:20], reverse=True)
    assert sum(sizes) == len(test)


def timed(train: Ratings, test: Ratings, train_days, test_days, part: float = 0) -> tuple[str, str, dict[str, int]]:
    """By what, in words, and how many, of ratings at these days."""
    train = replace(train, time=(np.asarray(train_days) * DAY).astype(np.int64) + part)
    test = replace(test, time=(np.asarray(test_days) * DAY).astype(np.int64) + part)
    tables = break_down({"m": evaluate(Popularity().fit(train), test, (5,))}, test, train.training_data, train)
    (table,) = [one for one in tables if one.by in ("time since training", "age of the rating")]
    return table.by, table.what, {group.label: group.ratings for group in table.groups}


def test_time_is_since_training_where_the_test_is_later():
    train, test = halves(7)
    n = len(test)
    days = 1000.0 + np.arange(n) * 100 / n
    by, what, sizes = timed(train, test, np.linspace(900, 1000, len(train)), days)
    assert (by, what) == ("time since training", "days from the last training rating to the rating")
    assert list(sizes) == ["under 20 days", "20–40 days", "40–60 days", "60–80 days", "80 days or more"]
    assert max(sizes.values()) - min(sizes.values()) <= 2


def test_time_is_since_the_users_own_last_rating_where_each_ones_last_are_tested():
    train, test = halves(8)
    begun = np.arange(12) * 50  # users come one after another
    by, what, sizes = timed(train, test, begun[train.user] + 1, begun[test.user] + 1 + (test.item % 2) * 3.5)
    assert (by, what) == ("time since training", "days from the user's last training rating to the rating")
    cold, late = test.user == 11, test.item % 2 == 1  # the last user has no training rating
    sizes_by_hand = {"no training rating": cold, "under 1 day": ~cold & ~late, "3 days or more": ~cold & late}
    assert sizes == {label: np.count_nonzero(mask) for label, mask in sizes_by_hand.items()}


def test_parts_of_a_second_do_not_change_the_groups():
    train, test = halves(8)
    begun = np.arange(12) * 50
    days = begun[train.user] + 1, begun[test.user] + 1 + (test.item % 2) * 3.5
    assert timed(train, test, *days, part=0.5) == timed(train, test, *days)


def test_time_is_the_age_of_a_rating_where_test_and_training_are_mixed():
    train, test = halves(9)
    rng = np.random.default_rng(9)
    by, what, sizes = timed(train, test, rng.uniform(0, 100, len(train)), rng.uniform(0, 100, len(test)))
    assert (by, what) == ("age of the rating", "days from the rating to the newest of all")
    assert next(iter(sizes)) == "under 20 days"
    assert sum(sizes.values()) == len(test)
