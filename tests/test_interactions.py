"""Trainers on counts and pairs: what every trainer that only ranks must do with them, and what a dislike is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import split
from cofactor.errors import BadArtifact, BadData, BadHyperparameter
from cofactor.evaluation.breakdowns.breakdown import break_down
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.metrics.ranking_metrics import GRADED, RATED
from cofactor.evaluation.metrics.rating_errors import RATING_METRICS
from cofactor.evaluation.metrics.registry import base_name
from cofactor.evaluation.report_text import describe_report
from cofactor.models.base import Model
from cofactor.models.interactions.interaction_weights import InteractionWeights
from cofactor.models.top_n.recommendations import RatingEffect, leave_one_out
from cofactor.report.text.recommendations import effects_table
from cofactor.saved.model_folder import load, save
from cofactor.trainers import TRAINERS
from cofactor.trainers.autoencoder import Autoencoder
from cofactor.trainers.base import Trainer
from cofactor.trainers.ease import EASE
from cofactor.trainers.filter import Filter
from cofactor.trainers.ials import IALS
from cofactor.trainers.knn import KNN
from cofactor.trainers.popularity import Popularity
from cofactor.training.epoch import Snapshot
from cofactor.training.fit import fit
from cofactor.training.resume import describe_training
from tests.toys import checkerboard

RANKING: dict[str, Trainer] = {
    "popularity": Popularity(),
    "knn": KNN(shrinkage=10.0),
    "ease": EASE(l2=100.0),
    "filter": Filter(),
    "ials": IALS(rank=16),
    "autoencoder": Autoencoder(
        rows="users", loss="multinomial", layers="32", activation="tanh", learning_rate=0.02, n_epochs=8
    ),
}
KINDS: list[Kind] = ["counts", "pairs"]
RATING_TRAINERS = [
    *(name for name, one in TRAINERS.items() if not one().only_ranks("pairs")),
]
ranking = pytest.mark.parametrize("name", RANKING)
personal = pytest.mark.parametrize("name", [name for name in RANKING if name != "popularity"])
kinds = pytest.mark.parametrize("kind", KINDS)


@cache
def board(kind: Kind) -> Ratings:
    """The loved items of the checkerboard as interactions; counts have a heavy tail."""
    train, _ = checkerboard()
    loved = train.where(train.value == 5)
    counts = np.floor(np.random.default_rng(0).pareto(1.0, len(loved)) + 1) if kind == "counts" else np.ones(len(loved))
    return replace(loved, value=counts, scale=(0.0, 0.0), kind=kind)


@cache
def on_board(name: str, kind: Kind) -> Model:
    return RANKING[name].fit(board(kind))


def same(one: Model, other: Model) -> bool:
    mine, others = one.arrays(), other.arrays()
    return all(
        np.array_equal(mine[n], others[n]) for n in mine if n not in ("log_unit", "linear_unit", "positive_from")
    )


@personal
@kinds
def test_everybody_is_recommended_what_they_interact_with(name, kind):
    items, scores = on_board(name, kind).recommend_rows(np.arange(60, dtype=np.int32), 60)
    for user in range(60):
        left = set(range(60)) - set(board(kind).item[board(kind).user == user].tolist())
        loved = {item for item in left if (item + user) % 2 == 0}
        listed = items[user][items[user] >= 0].tolist()
        assert set(listed[: len(loved)]) == loved
        assert set(listed) == left
    assert (np.diff(scores, axis=1)[items[:, 1:] >= 0] <= 0).all()


@ranking
@kinds
def test_it_only_ranks_and_comes_back_the_same(name, kind, tmp_path):
    model = on_board(name, kind)
    assert (model.scale, model.training_data.kind) == (None, kind)
    assert same(model, RANKING[name].fit(board(kind)))
    save(model, tmp_path / "model")
    loaded, users = load(tmp_path / "model"), np.arange(60, dtype=np.int32)
    assert model.arrays().keys() == loaded.arrays().keys()
    np.testing.assert_array_equal(loaded.score_rows(users), model.score_rows(users))
    history = board(kind).by_user()[:9]
    np.testing.assert_array_equal(loaded.fold_in_scores(history), model.fold_in_scores(history))


@personal
@kinds
def test_a_users_own_interactions_folded_in_are_scored_as_the_user(name, kind):
    model, users = on_board(name, kind), np.arange(60, dtype=np.int32)
    for trained, folded in zip(model.score_rows(users), model.fold_in_scores(board(kind).by_user()), strict=True):
        assert np.corrcoef(trained, folded)[0, 1] > 0.95


@personal
@kinds
def test_reasons_are_the_change_without_an_interaction(name, kind):
    model, history = on_board(name, kind), board(kind).by_user()[[7]]
    items = np.array([0, 1, 20, 33])
    effects = model.attributions(history, items)
    places = np.arange(history.nnz)
    without = model.fold_in_scores(leave_one_out(history, places))[:, items]
    expected = model.fold_in_scores(history)[0, items] - without
    np.testing.assert_allclose(effects, expected, atol=2e-4 * np.abs(expected).max() + 1e-6)


@ranking
def test_counts_that_are_all_equal_are_pairs(name):
    pairs = board("pairs")
    threes = replace(pairs, value=np.full(len(pairs), 3.0), scale=(0.0, 0.0), kind="counts")
    assert same(RANKING[name].fit(threes), on_board(name, "pairs"))
    stars = replace(pairs, value=np.full(len(pairs), 4.0), scale=(0.0, 0.0), kind="ratings")
    model = replace(RANKING[name], similarity="cosine") if name == "knn" else RANKING[name]
    assert same(model.fit(stars), on_board(name, "pairs"))


@ranking
def test_counts_change_a_model_and_their_unit_does_not(name):
    counts, model = board("counts"), on_board(name, "counts")
    minutes = replace(counts, value=counts.value * 64, scale=(0.0, 0.0))
    assert same(RANKING[name].fit(minutes), model)
    assert not same(on_board(name, "pairs"), model)
    assert same(replace(RANKING[name], count_weight="one").fit(counts), on_board(name, "pairs"))
    assert not same(replace(RANKING[name], count_weight="linear").fit(counts), model)


@personal
def test_what_a_user_does_more_often_counts_for_more(name):
    """Of two camps, the user's own is the one with the larger counts."""
    left, right = [f"l{k}" for k in range(6)], [f"r{k}" for k in range(6)]
    rows = [(f"{side}{u}", i, 1.0) for side, own in (("L", left), ("R", right)) for u in range(12) for i in own]
    seen = {f"l{k}": 60.0 for k in range(3)} | {f"r{k}": 1.0 for k in range(3)}
    rows += [("both", item, count) for item, count in seen.items()]
    users, items, counts = zip(*rows, strict=True)
    model = RANKING[name].fit(Ratings.of(users, items, counts, kind="counts"))
    for listed in (model.recommend("both", 6), model.recommend_for_ratings(seen, 6)):
        assert {one.item for one in listed[:3]} == {"l3", "l4", "l5"}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=20), st.sampled_from([0.5, 1.0, 40.0]))
def test_weights_of_counts(values, unit):
    x = np.array(values, np.float32)
    logarithms, shares = np.log2(1 + x.astype(np.float64) / unit), x.astype(np.float64) / unit
    for wanted, rule in (
        (logarithms, InteractionWeights(log_unit=unit)),
        (shares, InteractionWeights(linear_unit=unit)),
    ):
        np.testing.assert_allclose(rule.compute(x), np.where(x > 0, (1 + wanted) / 2, 0), rtol=1e-6)
    assert InteractionWeights().compute(x).tolist() == [1] * len(x)
    cut = InteractionWeights(positive_from=7.0, log_unit=unit).compute(x)
    assert ((cut > 0) == (x >= 7)).all()


def test_the_unit_of_counts_is_their_median_and_one_that_is_given_is_used():
    counts = Ratings.of(["a", "a", "b", "b"], ["x", "y", "x", "z"], [0, 2, 8, 1000], kind="counts")
    model = IALS(rank=2).fit(counts)
    assert (model.positive_from, model.log_unit, model.linear_unit) == (2.0, 8.0, None)
    other = IALS(rank=2, count_unit=3.0, count_weight="linear", positive_from=5.0).fit(counts)
    assert (other.positive_from, other.log_unit, other.linear_unit) == (5.0, None, 3.0)


def disliked(value: float) -> Ratings:
    """30 of 40 users dislike one item; of ten others everybody likes about two thirds."""
    rows = [(f"u{u}", f"i{i}", 5.0) for u in range(40) for i in range(10) if (u + i) % 3]
    rows += [(f"u{u}", "disliked", value) for u in range(40) if u % 4]
    return Ratings.of(*zip(*rows, strict=True))


@ranking
@pytest.mark.parametrize(("value", "positive_from"), [(0.0, None), (-1.0, None), (2.0, 4.0), (0.0, 0.5)])
def test_what_everybody_dislikes_comes_last(name, value, positive_from):
    trainer = replace(RANKING[name], positive_from=positive_from)
    trainer = replace(trainer, similarity="cosine") if name == "knn" else trainer
    model = trainer.fit(disliked(value))
    for user in ("u0", "u4"):
        ids = [one.item for one in model.recommend(user, n=11)]
        assert ids.index("disliked") == len(ids) - 1 > 0
    assert "disliked" not in [one.item for one in model.recommend("u1", n=11)], "it is one that the user has seen"
    rows, _ = model.recommend_rows(np.array([0], np.int32), 11)
    last = rows[0][rows[0] >= 0][-1]
    assert model.training_data.items.ids[last] == "disliked"
    assert model.recommend_for_ratings({"i1": 5.0}, 11)[-1].item == "disliked"
    assert model.recommend_for_ratings({"disliked": value}, 11) == [
        one for one in model.recommend_for_ratings({}, 11) if one.item != "disliked"
    ]


def test_a_rating_of_zero_is_positive_where_somebody_says_so():
    model = Popularity(positive_from=-1.0).fit(disliked(0.0))
    assert model.recommend("u0", n=1)[0].item == "disliked"


@ranking
def test_an_epoch_is_chosen_by_the_positives_and_no_rating_is_forgotten(name):
    trainer = replace(RANKING[name], positive_from=4.0)
    trainer = replace(trainer, similarity="cosine") if name == "knn" else trainer
    ratings = disliked(1.0)
    fitted = fit(trainer, split(ratings, seed=1, test=0.2), refit=True)
    assert fitted.note is not None
    assert f"of {len(split(ratings, seed=1, test=0.2).train)} ratings are below 4 and are no positives" in fitted.note
    assert fitted.notes()["note"] == fitted.note
    held = split(ratings, seed=1, test=0.2)
    assert fitted.model.training_data.interactions.nnz == len(held.train) + fitted.refitted * len(held.validation)


@ranking
def test_no_positive_at_all_is_an_error(name):
    trainer = replace(RANKING[name], similarity="cosine") if name == "knn" else RANKING[name]
    zeros = Ratings.of(["a", "b"], ["x", "y"], [0.0, -1.0])
    with pytest.raises(BadData, match="none of the ratings is above 0") as caught:
        trainer.fit(zeros)
    assert "positive_from" in caught.value.hint
    with pytest.raises(BadData, match="none of the ratings is 9 or more: the highest is 5"):
        replace(trainer, positive_from=9.0).fit(disliked(0.0))


@kinds
@pytest.mark.parametrize("name", RATING_TRAINERS)
def test_a_trainer_that_predicts_ratings_refuses_interactions(name, kind):
    with pytest.raises(BadData, match=f"{name} predicts ratings, but memory holds {kind}") as caught:
        TRAINERS[name]().fit(board(kind))
    assert "ials, ease, knn --similarity cosine, filter, popularity" in caught.value.hint


def test_the_trainers_that_refuse_are_all_but_those_for_interactions():
    assert {*TRAINERS} - {*RATING_TRAINERS} == {"popularity", "knn", "ease", "filter", "ials"}


def test_the_similarity_of_interactions_is_cosine():
    fitted = fit(KNN(), split(board("pairs")))
    assert fitted.note == "pairs are no ratings, so knn uses the similarity cosine"
    cosine = fit(KNN(similarity="cosine"), split(board("pairs")))
    assert cosine.note is None
    assert same(fitted.model, cosine.model)


def test_ratings_that_are_all_equal_are_refused_by_a_training_that_is_evaluated():
    ones = split(replace(board("pairs"), kind="ratings"))
    with pytest.raises(BadData, match="every rating is 1: svd, which predicts ratings, cannot be evaluated") as caught:
        fit(TRAINERS["svd"](), ones)
    assert "ials" in caught.value.hint
    assert fit(IALS(rank=4, n_epochs=1), ones).model.scale is None


@pytest.mark.parametrize("trainer", [KNN(positive_from=3.0), lambda: Autoencoder(positive_from=3.0)])
def test_a_threshold_without_an_effect_is_refused(trainer):
    with pytest.raises(BadHyperparameter, match="positive_from has no effect"):
        (trainer() if callable(trainer) else trainer).fit(disliked(1.0))


def test_blocks_take_no_weights_of_counts():
    with pytest.raises(BadHyperparameter, match="blocks takes no weights of counts"):
        IALS(solver="blocks").fit(board("counts"))
    one = IALS(solver="blocks", count_weight="one", rank=8).fit(board("counts"))
    assert same(one, IALS(solver="blocks", rank=8).fit(board("pairs")))


@pytest.mark.parametrize("change", [{"log_unit": 0.0}, {"log_unit": -1.0}, {"log_unit": 1.0, "linear_unit": 1.0}])
def test_a_saved_unit_that_is_impossible_is_refused(change):
    model = on_board("ials", "counts")
    arrays = model.arrays() | {name: np.asarray(value) for name, value in change.items()}
    with pytest.raises(BadArtifact, match="impossible unit of counts"):
        type(model).from_arrays(model.training_data, None, arrays)


@kinds
def test_an_evaluation_of_interactions_has_rankings_alone(kind):
    parts = split(board(kind), seed=2)
    report = evaluate(IALS(rank=16).fit(parts.train), parts.test, k=10, min_test_ratings=1)
    bases = {base_name(name) for name in report.metrics}
    assert {"ndcg", "recall", "hit_rate", "auc", "coverage"} <= bases
    assert not bases & {*RATING_METRICS, *GRADED, *RATED}
    assert f"evaluated on {len(parts.test)} interactions, " in str(describe_report(report)[-1])
    assert repr(report).startswith(f"<report on {len(parts.test)} test interactions of ")


def test_a_count_of_zero_is_not_relevant():
    train = Ratings.of(["a", "a", "b", "b", "c"], ["x", "y", "x", "z", "z"], [1, 2, 3, 4, 1], kind="counts")
    rows = (np.array([0, 0, 2], np.int32), np.array([2, 1, 1], np.int32))
    test = replace(train, user=rows[0][[0, 2]], item=rows[1][[0, 2]], value=np.array([0.0, 5.0], np.float32), time=None)
    report = evaluate(Popularity().fit(train), test, k=2)
    assert (report.counts["users"], report.counts["ranked_users"]) == (2, 1)


def test_errors_of_ratings_that_are_all_equal_are_not_shown():
    ones = split(replace(board("pairs"), kind="ratings"), seed=1)
    assert "rmse" not in evaluate(TRAINERS["baseline"]().fit(ones.train), ones.test).metrics
    varied = replace(ones.test, value=np.where(ones.test.user % 2, 1.0, 2.0).astype(np.float32))
    varied = replace(varied, split=None, scale=(1.0, 2.0))
    assert "rmse" in evaluate(TRAINERS["baseline"]().fit(ones.train), varied).metrics


@pytest.mark.parametrize(("kind", "columns"), [("ratings", "rated"), ("counts", "count"), ("pairs", "")])
def test_reasons_name_the_kind_of_value(kind, columns):
    effects = [RatingEffect("i", "Item", 3.0, 0.25)]
    table = effects_table(effects, kind)
    assert list(table.columns) == ["item", "title", *([columns] if columns else []), "effect"]
    assert [list(row) for row in table.rows] == [["i", "Item", *(["3"] if columns else []), "+0.250"]]


@pytest.mark.parametrize(("kind", "by"), [("ratings", "rating"), ("counts", "count"), ("pairs", None)])
def test_a_breakdown_groups_by_what_the_values_are(kind, by):
    counts = np.arange(1, len(board("pairs")) + 1) % 4 + 1
    parts = split(replace(board("pairs"), value=counts if by else np.ones(len(counts)), scale=(0.0, 0.0), kind=kind))
    report = evaluate(Popularity().fit(parts.train), parts.test, k=5)
    found = {one.by: one for one in break_down({"p": report}, parts.test, parts.train.training_data)}
    assert set(found) == {"user activity", "item popularity", *filter(None, [by])}
    noun = "ratings" if kind == "ratings" else "interactions"
    assert {one.values for one in found.values()} == {noun}
    assert found["item popularity"].what == f"{noun} of the item in training"


@pytest.mark.parametrize("name", ["knn", "ease", "filter", "autoencoder"])
def test_similar_users_have_similar_weights(name):
    model, weights = on_board(name, "counts"), on_board(name, "counts").training_rows.toarray()
    alike, history = model.similarity_to_user_row(3, board("counts").by_user()[[3]]), weights[3]
    expected = weights @ history / (np.linalg.norm(weights, axis=1) * np.linalg.norm(history))
    np.testing.assert_allclose(alike, np.where(expected > 0, expected, -np.inf), rtol=1e-5)


@pytest.mark.parametrize("name", ["ials", "autoencoder"])
@kinds
def test_a_training_on_interactions_resumes_and_does_not_depend_on_threads(name, kind):
    trainer = replace(RANKING[name], n_epochs=4)
    whole = []
    for epoch in trainer.epochs(board(kind)):
        snapshot = epoch.snapshot()
        assert snapshot is not None
        whole.append((epoch.model, Snapshot(epoch.number, {n: a.copy() for n, a in snapshot.arrays.items()})))
    rest = list(replace(trainer, threads=2).epochs(board(kind), resume=whole[1][1]))
    assert [one.number for one in rest] == [3, 4]
    assert all(same(one.model, model) for one, (model, _) in zip(rest, whole[2:], strict=True))


@ranking
@kinds
def test_cold_users_and_items_of_interactions(name, kind):
    """The last user has nothing, and the last item nobody."""
    seen = board(kind).where((board(kind).user < 59) & (board(kind).item < 59))
    model = RANKING[name].fit(seen)
    cold = [one.item for one in model.recommend("59", 70)]
    assert len(cold) == 59
    assert "59" not in cold
    assert cold == [one.item for one in model.recommend_for_ratings({}, 70)]
    assert model.explain("59", "3") == []


def test_a_checkpoint_without_the_hyperparameters_of_counts_is_of_the_same_training():
    trainer, stars = IALS(rank=4), replace(board("pairs"), kind="ratings")
    described = describe_training(trainer, [stars])["hyperparameters"]
    assert not {"positive_from", "count_weight", "count_unit"} & set(described)
    of_counts = describe_training(replace(trainer, count_unit=2.0), [board("counts")])["hyperparameters"]
    assert (of_counts["count_weight"], of_counts["count_unit"]) == ("log", 2.0)
    assert describe_training(replace(trainer, positive_from=4.0), [stars])["hyperparameters"]["positive_from"] == 4


def test_the_card_of_a_model_speaks_of_interactions(tmp_path):
    save(on_board("ials", "pairs"), tmp_path / "model")
    assert "1,302 interactions of 60 items by 60 users" in (tmp_path / "model" / "README.md").read_text()


def test_the_values_that_a_training_chose_are_noted():
    fitted = fit(IALS(rank=4, n_epochs=1), split(board("counts")))
    assert fitted.notes()["interaction_weights"] == {"log_unit": fitted.model.interaction_weights.log_unit}
    assert "interaction_weights" not in fit(IALS(rank=4, n_epochs=1), split(board("pairs"))).notes()
