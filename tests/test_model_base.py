"""What can be asked of every model: lists, similar items, explanations, predictions."""

import itertools
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, UnknownId
from cofactor.models import scoring
from cofactor.models.base import Model
from cofactor.models.baseline import BaselineModel
from cofactor.models.factor import FactorModel
from cofactor.models.top_n.recommendations import history_from_ratings
from cofactor.models.top_n.selection import EXCLUDED, top_n, top_n_per_row
from tests.toys import factors, noise


@pytest.fixture(scope="module")
def model() -> FactorModel:
    return factors(noise())


def by_hand(scores, n):
    """The top n of one row of scores by sorting (score, column) pairs."""
    order = sorted((-float(s), c) for c, s in enumerate(scores) if s > -np.inf)
    return [c for _, c in order[:n]]


few_scores = st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 1.0, 2.0, 3.0, 1e30])


@given(arrays(np.float32, st.tuples(st.integers(0, 5), st.integers(1, 12)), elements=few_scores), st.integers(0, 14))
def test_highest_is_exact_and_breaks_ties_by_column(scores, n):
    columns, best = top_n_per_row(scores.copy(), n)
    assert columns.shape == best.shape == (len(scores), n)
    assert columns.dtype == np.int32
    for row in range(len(scores)):
        expected = by_hand(scores[row], n)
        assert columns[row].tolist() == expected + [-1] * (n - len(expected))
        assert best[row, : len(expected)].tolist() == scores[row, expected].tolist()
        assert (best[row, len(expected) :] == EXCLUDED).all()


@given(
    arrays(np.float32, st.integers(0, 12) | st.integers(50, 300), elements=few_scores | st.just(np.nan)),
    st.integers(0, 14),
)
def test_the_highest_of_one_are_a_row_of_the_highest_of_many(scores, n):
    columns, best = top_n_per_row(scores[None], n)
    found, values = top_n(scores.copy(), n)
    assert found.dtype == np.int32
    assert found.tolist() == columns[0][columns[0] >= 0].tolist()
    assert values.tolist() == best[0][columns[0] >= 0].tolist()


def test_highest_never_lists_nan():
    scores = np.array([[np.nan, 1, np.nan, 2], [np.nan] * 4, [1, 2, 3, 4]], dtype=np.float32)
    assert top_n_per_row(scores, 3)[0].tolist() == [[3, 1, -1], [-1, -1, -1], [3, 2, 1]]


def test_highest_of_many_equal_scores_is_the_first_columns():
    scores = np.zeros((3, 5000), dtype=np.float32)
    scores[1, 4000:] = 1
    assert top_n_per_row(scores, 4)[0].tolist() == [[0, 1, 2, 3], [4000, 4001, 4002, 4003], [0, 1, 2, 3]]


def test_top_is_every_users_own_list(model, monkeypatch):
    monkeypatch.setattr(scoring, "SCORE_USERS", 7)  # several blocks
    users = np.arange(len(model.training_data.users), dtype=np.int32)[::-1]
    items, scores = model.recommend_rows(users, 25)
    assert items.shape == (30, 25)
    for place, user in enumerate(users):
        raw = model.score_rows(users[place : place + 1])[0]
        seen = model.training_data.interactions[[user]].indices
        raw[seen], raw[~model.rankable] = -np.inf, -np.inf
        expected = by_hand(raw, 25)
        assert items[place].tolist() == expected + [-1] * (25 - len(expected))
        np.testing.assert_allclose(scores[place, : len(expected)], np.clip(raw[expected], 0.5, 5), rtol=1e-5)
        assert (scores[place, len(expected) :] == 0).all()


def test_order_is_that_of_scores_beyond_the_scale():
    ratings = Ratings.of(["a", "a", "b", "b"], ["x", "y", "z", "w"], [1, 5, 1, 5])
    bias = np.array([0, 2.0, 3.0, 4.0], dtype=np.float32)  # w x y z
    model = BaselineModel(ratings.training_data, (1, 5), 3.0, np.zeros(2, np.float32), bias, 5.0)
    lines = model.recommend("b", 5)
    assert [(line.item, line.score) for line in lines] == [("y", 5.0), ("x", 5.0)]


def test_recommend_names_items_and_leaves_out_the_seen(model):
    lines = model.recommend("3", 50)
    rated = {model.training_data.items.ids[i] for i in model.training_data.interactions[[3]].indices}
    assert len(lines) == model.rankable.sum() - len(rated)
    assert not rated & {line.item for line in lines}
    assert "19" not in {line.item for line in lines}, "nobody rated it"
    one = next(line for line in lines if int(line.item) % 3 == 0)
    assert one.title == one.item, "an item without a title is called by its id"
    other = next(line for line in lines if int(line.item) % 3 and int(line.item) % 2)
    assert (other.title, other.genres) == (f"Film “{other.item}” | <b>", "Comedy|Drama")
    assert next(line for line in lines if int(line.item) % 2 == 0).genres == ""
    everything = model.recommend("3", 50, include_seen=True)
    assert len(everything) == model.rankable.sum()
    assert everything == model.recommend("3", 50, include_seen=True)
    assert model.recommend("3", 0) == []


def test_a_known_user_without_ratings_gets_the_fallback_list(model):
    scores = model.item_bias.copy()
    scores[~model.rankable] = -np.inf
    assert [line.item for line in model.recommend("29", 4, why=3)] == [str(i) for i in by_hand(scores, 4)]
    assert model.recommend("29", 4) == model.recommend_for_ratings({}, 4)
    assert model.explain("29", "3") == []


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda m: m.recommend("300"), "unknown user '300'"),
        (lambda m: m.recommend_for_ratings({"5": 4.0, "190": 3.0}), "unknown item '190'"),
        (lambda m: m.similar_items("x" * 1000), "unknown item 'xxx"),
        (lambda m: m.explain("3", "99"), "unknown item '99'"),
        (lambda m: m.explain_for_ratings({}, "99"), "unknown item '99'"),
    ],
)
def test_unknown_ids(model, ask, says):
    with pytest.raises(UnknownId) as caught:
        ask(model)
    assert caught.value.message.startswith(says)
    assert len(caught.value.message) < 100


def test_an_unknown_id_comes_with_the_nearest(model):
    with pytest.raises(UnknownId) as caught:
        model.recommend_for_ratings({"190": 3.0})
    assert "19" in caught.value.hint


@pytest.mark.parametrize("value", [0.0, 5.5, float("nan"), float("inf"), -3.0])
def test_ratings_off_the_scale(model, value):
    with pytest.raises(BadData, match=r"item '5' is"):
        model.recommend_for_ratings({"4": 3.0, "5": value})


@pytest.mark.parametrize("ask", [lambda m: m.recommend("3", -1), lambda m: m.recommend("3", 3, why=-1)])
def test_a_negative_length(model, ask):
    with pytest.raises(BadData, match="a list of -1"):
        ask(model)


@pytest.mark.parametrize(("users", "items"), [([-1], [0]), ([0], [-1]), ([30], [0]), ([0], [20])])
def test_predict_answers_for_no_row_but_its_own(model, users, items):
    with pytest.raises(BadData, match="row"):
        model.predict_rows(np.array(users), np.array(items))
    if users != [0]:
        with pytest.raises(BadData, match="row"):
            model.recommend_rows(np.array(users), 3)


def test_predict_is_the_clipped_score_of_each_pair(model):
    users, items = (np.array(c, np.int32) for c in zip(*itertools.product(range(30), range(20)), strict=True))
    shuffled = np.random.default_rng(0).permutation(600)
    found = model.predict_rows(users[shuffled], items[shuffled])
    expected = np.clip(model.score_rows(np.arange(30, dtype=np.int32)), 0.5, 5).ravel()[shuffled]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(
        Model.score_pair_rows(model, users, items), model.score_pair_rows(users, items), rtol=1e-4
    )
    assert model.predict_rows(users[:0], items[:0]).shape == (0,)


def test_folding_in_excludes_what_was_given(model):
    given_ratings = {"1": 5.0, "2": 0.5, "7": 4.5}
    lines = model.recommend_for_ratings(given_ratings, 50, why=2)
    assert len(lines) == model.rankable.sum() - 3
    assert not given_ratings.keys() & {line.item for line in lines}
    assert all(reason.item in given_ratings for line in lines for reason in line.because)
    assert all(reason.rating == given_ratings[reason.item] for line in lines for reason in line.because)


def left_out_by_hand(model, ratings, item):
    """{item id: change of the item's score when its rating is left out}, by scoring every left-out history."""
    row = model.training_data.items.row(item)

    def score(rated):
        one = history_from_ratings(model.training_data, rated)
        return float(model.fold_in_scores(one)[0, row])

    return {i: score(ratings) - score({j: r for j, r in ratings.items() if j != i}) for i in ratings}


@pytest.mark.parametrize("ask_for", [0, 1, 3])
def test_an_explanation_is_the_change_when_a_rating_is_left_out(model, ask_for, monkeypatch):
    monkeypatch.setattr(scoring, "SCORE_CELLS", 60)  # several blocks
    history = model.training_data.interactions[[3]]
    ratings = {str(i): float(r) for i, r in zip(history.indices, history.data, strict=True)}
    for kind in (model, BaselineModel(model.training_data, model.scale, 3.0, model.user_bias, model.item_bias, 5.0)):
        lines = kind.recommend("3", 4, why=ask_for)
        assert [replace(line, because=()) for line in lines] == kind.recommend("3", 4)
        for line in lines:
            effects = left_out_by_hand(kind, ratings, line.item)
            speaking = sorted((e for e in effects.values() if e > 1e-5), reverse=True)[:ask_for]
            np.testing.assert_allclose([r.effect for r in line.because][: len(speaking)], speaking, atol=2e-5)
            for reason in line.because:
                assert reason.effect > 0
                assert reason.rating == ratings[reason.item]
                np.testing.assert_allclose(reason.effect, effects[reason.item], atol=2e-5)


def test_explain_ranks_by_strength_in_either_direction(model):
    reasons = model.explain("3", "5", 20)
    history = model.training_data.interactions[[3]]
    ratings = {str(i): float(r) for i, r in zip(history.indices, history.data, strict=True)}
    assert reasons == model.explain_for_ratings(ratings, "5", 20)
    strengths = [abs(reason.effect) for reason in reasons]
    assert strengths == sorted(strengths, reverse=True)
    assert {reason.effect > 0 for reason in reasons} == {True, False}
    assert model.explain("3", "5", 2) == reasons[:2]


@pytest.mark.parametrize("l2", [0.0, 0.05])
@pytest.mark.parametrize("h", [1, 2, 5, 19])
def test_the_short_way_to_effects_is_the_long_way(model, h, l2):
    model = replace(model, bias_l2=l2, vector_l2=l2)
    rng = np.random.default_rng(h)
    history = history_from_ratings(
        model.training_data, {str(i): float(rng.integers(1, 6)) for i in rng.permutation(20)[:h]}
    )
    items = np.arange(20, dtype=np.int32)
    short, long = model.attributions(history, items), Model.attributions(model, history, items)
    assert short.shape == (h, 20)
    np.testing.assert_allclose(short, long, rtol=1e-3, atol=1e-4)


def test_fold_in_is_each_users_own_regression(model, monkeypatch):
    monkeypatch.setattr("cofactor.models.factor.FOLD_IN_CELLS", 100)  # several blocks
    bias, vectors = model.fold_in_vectors(model.training_data.interactions)
    whole, counts = model.training_data.interactions, model.training_data.user_counts
    own = np.column_stack([model.user_vectors, model.user_bias]).astype(np.float64)
    spread = np.average(own**2, axis=0, weights=counts / (counts + 10))
    caution = 2 * np.mean((model.score_rows(np.arange(30))[whole.nonzero()] - whole.data) ** 2) / spread
    for user in range(30):
        history = model.training_data.interactions[[user]]
        design = np.column_stack([model.item_vectors[history.indices], np.ones(history.nnz)]).astype(np.float64)
        wanted = history.data - model.mean - model.item_bias[history.indices]
        pull = history.nnz * model.vector_l2 + caution * (10 / (10 + max(history.nnz, 1))) ** 2
        gram = design.T @ design + np.diag(pull)
        expected = np.linalg.solve(gram, design.T @ wanted) if history.nnz else np.zeros(4)
        np.testing.assert_allclose(np.append(vectors[user], bias[user]), expected, rtol=1e-4, atol=1e-5)


def test_similar_items_of_a_factor_model_by_cosine(model):
    vectors = model.item_vectors / np.linalg.norm(model.item_vectors, axis=1, keepdims=True).clip(1e-9)
    cosine = vectors @ vectors[5]
    cosine[[5, 19]] = -np.inf
    lines = model.similar_items("5", 50)
    assert [line.item for line in lines] == [str(i) for i in by_hand(cosine, 50)]
    assert all(-1 <= line.score <= 1 for line in lines)
    assert model.similar_items("19") == [], "nothing is known of an item nobody rated"


def test_similar_items_of_other_models_by_their_raters():
    ratings = Ratings.of(list("aabbccd"), list("xyxyxzz"), [5, 4, 3, 5, 1, 5, 2])
    model = BaselineModel(ratings.training_data, (1, 5), 3.0, np.zeros(4, np.float32), np.zeros(3, np.float32), 5.0)
    columns = ratings.by_user().toarray()
    norms = np.linalg.norm(columns, axis=0)
    lines = model.similar_items("x")
    assert [line.item for line in lines] == ["y", "z"]
    expected = [columns[:, 0] @ columns[:, j] / norms[0] / norms[j] for j in (1, 2)]
    np.testing.assert_allclose([line.score for line in lines], expected, rtol=1e-6)
    assert [line.item for line in model.similar_items("y")] == ["x"], "z shares no user with y"


def test_a_model_cannot_be_changed(model):
    with pytest.raises(FrozenInstanceError):
        model.mean = 3.0
    with pytest.raises(ValueError, match="read-only"):
        model.item_vectors[0] = 0


def test_a_list_longer_than_the_catalogue_has_every_item_that_is_left_once(model):
    n, seen = len(model.training_data.items), set(model.training_data.rated(3)[0].tolist())
    left = int(model.rankable.sum()) - len(seen)
    assert len(model.recommend("3", 10**6)) == left
    assert len(model.recommend("3", 10**6, include_seen=True)) == int(model.rankable.sum())
    assert len(model.similar_items("3", 10**6)) == int(model.rankable.sum()) - 1
    assert len(model.explain("3", "5", 10**6)) <= len(seen)
    items, scores = model.recommend_rows(np.array([3], dtype=np.int32), 5 * n)
    assert items.shape == scores.shape == (1, 5 * n)
    assert (items[0, left:] == -1).all()
    assert (scores[0, left:] == 0).all()
    assert len(set(items[0, :left].tolist())) == left


def test_lists_of_nothing(model):
    assert model.recommend("3", 0) == model.similar_items("3", 0) == model.explain("3", "5", 0) == []
    items, scores = model.recommend_rows(np.array([3, 4], dtype=np.int32), 0)
    assert items.shape == scores.shape == (2, 0)
    assert model.recommend_rows(np.array([], dtype=np.int32), 3)[0].shape == (0, 3)


@pytest.mark.parametrize("score", [0.0, -1e30, 3.5])
def test_equal_scores_are_in_order_of_rows_for_one_user_and_for_many(model, score):
    n = len(model.training_data.items)
    scores = np.full(n, score, dtype=np.float32)
    listed, _ = model.top_n_of_scores(scores.copy(), n)
    assert listed.tolist() == np.flatnonzero(model.rankable).tolist()
    columns, _ = top_n_per_row(np.tile(scores, (2, 1)), 4)
    assert columns.tolist() == [[0, 1, 2, 3]] * 2


def test_only_positive_effects_support_an_item(model):
    history = history_from_ratings(model.training_data, {"3": 5.0, "5": 0.5, "7": 4.0})
    items = np.arange(len(model.training_data.items), dtype=np.int32)
    attributions = model.attributions(history, items)
    for item, effects in zip(items, model.supporting_ratings(history, items, 3), strict=True):
        assert len(effects) == int((attributions[:, item] > 0).sum())
        assert [one.effect for one in effects] == sorted((one.effect for one in effects), reverse=True)
