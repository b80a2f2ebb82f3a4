"""What every trainer and its models must do. A trainer is tested here by being listed in TRAINERS."""

import math
from dataclasses import FrozenInstanceError
from functools import cache
from typing import Literal, get_args, get_origin

import numpy as np
import pytest

from cofactor.artifact import load, save
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter, UnknownId
from cofactor.models.base import Model
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Epoch
from tests.toys import checkerboard, noise

PERSONAL = [name for name, trainer in TRAINERS.items() if trainer.personal]
everyone = pytest.mark.parametrize("name", TRAINERS)
personal = pytest.mark.parametrize("name", PERSONAL)


@cache
def board(name: str) -> tuple[Ratings, Ratings]:
    """The checkerboard; for a trainer that only ranks, to which a 1 says as much as a 5, what is loved of its train;
    for one that knows users by what they rated alone, a third of what they loathe."""
    train, held_out = checkerboard()
    if on_noise(name).scale is None:
        return train.where(train.value == 5), held_out
    if on_noise(name).kind == "pooled":
        return train.where((train.value == 5) | (np.random.default_rng(0).random(len(train)) < 1 / 3)), held_out
    return train, held_out


@cache
def on_board(name: str) -> Model:
    return TRAINERS[name]().fit(*board(name))


@cache
def on_noise(name: str) -> Model:
    return TRAINERS[name]().fit(noise())


def same(one: Model, other: Model) -> bool:
    mine, others = one.arrays(), other.arrays()
    return mine.keys() == others.keys() and all(np.array_equal(mine[n], others[n]) for n in mine)


@personal
def test_everybody_is_recommended_what_they_love(name):
    train, _ = board(name)
    items, scores = on_board(name).top(np.arange(60, dtype=np.int32), 60)
    for user in range(60):
        left = set(range(60)) - set(train.item[train.user == user].tolist())
        loved = {item for item in left if (item + user) % 2 == 0}
        assert 0 < len(loved) < len(left)
        listed = items[user][items[user] >= 0].tolist()
        assert set(listed) == left
        assert set(listed[: len(loved)]) == loved
        assert user in loved
    assert (np.diff(scores, axis=1)[items[:, 1:] >= 0] <= 0).all()


@personal
def test_ratings_never_seen_are_predicted(name):
    _, held_out = board(name)
    model = on_board(name)
    if model.scale is None:
        pytest.skip("only ranks")
    error = model.predict(held_out.user, held_out.item) - held_out.value
    assert np.sqrt(np.mean(error**2)) < 0.8, "the mean alone has an error of 2"


@personal
def test_the_ratings_that_explain_are_of_a_like_kind(name):
    model = on_board(name)
    for user in ("0", "7", "31"):
        line = model.recommend(user, 1, why=3)[0]
        assert line.because
        for reason in line.because:
            assert reason.effect > 0
            assert reason.rating == (5 if (int(reason.item) + int(user)) % 2 == 0 else 1)


@personal
def test_a_users_own_ratings_folded_in_are_scored_as_the_user(name):
    train, _ = board(name)
    model, users = on_board(name), np.arange(60, dtype=np.int32)
    trained, folded = model.scores(users), model.scores_from(train.by_user())
    for user in users:
        assert np.corrcoef(trained[user], folded[user])[0, 1] > 0.95
    if model.scale is not None:
        assert np.abs(trained - folded).mean() < 0.5


@personal
def test_items_of_a_colour_are_alike(name):
    for item in ("0", "13"):
        alike = on_board(name).similar_items(item, 10)
        assert item not in [line.item for line in alike]
        assert all((int(line.item) + int(item)) % 2 == 0 for line in alike)


@everyone
def test_one_seed_gives_one_model(name):
    again = TRAINERS[name]().fit(*board(name))
    assert same(on_board(name), again)
    assert on_board(name).recommend("7", 5, why=2) == again.recommend("7", 5, why=2)


@everyone
def test_every_epoch_is_a_usable_model_of_its_own(name):
    train = noise()
    epochs, snapshots = [], []
    for epoch in TRAINERS[name]().epochs(train):
        epochs.append(epoch)
        snapshots.append({n: a.copy() for n, a in epoch.model.arrays().items()})
        assert isinstance(epoch, Epoch)
        assert len(epoch.model.recommend("0", 3)) == 3
        if len(epochs) == 3:
            break
    assert [epoch.number for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert all(epoch.of >= epoch.number for epoch in epochs)
    assert all(epoch.train_rmse is None or np.isfinite(epoch.train_rmse) for epoch in epochs)
    for epoch, snapshot in zip(epochs, snapshots, strict=True):
        for n, array in epoch.model.arrays().items():
            np.testing.assert_array_equal(array, snapshot[n], "a later epoch changed an earlier model")


@everyone
def test_a_model_cannot_be_changed(name):
    model = on_noise(name)
    with pytest.raises(FrozenInstanceError):
        model.scale = None
    fields = [getattr(model, n) for n in model.arrays() if hasattr(model, n)]
    layers = [
        array for n in model.networks for one in ("weights", "biases") for array in getattr(getattr(model, n), one)
    ]
    for array in fields + layers:
        assert not isinstance(array, np.ndarray) or not array.flags.writeable
    scores = model.scores(np.array([0, 1], dtype=np.int32))
    scores[:] = 99
    assert (model.scores(np.array([0, 1], dtype=np.int32)) != 99).any(), "scores are a new array"


@everyone
def test_saved_and_loaded_it_answers_the_same(name, tmp_path):
    model, users = on_noise(name), np.arange(30, dtype=np.int32)
    save(model, tmp_path / "model", trainer=name, hyperparameters=TRAINERS[name]().settings())
    loaded = load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert same(model, loaded)
    assert (loaded.scale, loaded.catalog.scale, loaded.catalog.step) == (model.scale, (0.5, 5.0), 0.5)
    assert loaded.catalog.split == "0123abcd"
    history = noise(seed=1).by_user()
    np.testing.assert_array_equal(loaded.scores(users), model.scores(users))
    np.testing.assert_array_equal(loaded.scores_from(history), model.scores_from(history))
    for user in model.catalog.users.ids:
        assert loaded.recommend(user, 7, why=2) == model.recommend(user, 7, why=2)
    assert loaded.similar_items("4") == model.similar_items("4")
    assert loaded.recommend_from({"3": 4.5}) == model.recommend_from({"3": 4.5})


@everyone
def test_lists_hold_nothing_seen_and_nothing_unrated(name):
    model = on_noise(name)
    for user in range(30):
        seen = set(model.catalog.history[[user]].indices.tolist())
        listed = [int(line.item) for line in model.recommend(str(user), 1000)]
        assert sorted(listed) == sorted(set(range(19)) - seen), "all that is left, and item 19 was never rated"
        assert listed == [int(line.item) for line in model.recommend(str(user), 1000)]


@everyone
def test_what_is_known_is_what_was_trained_on(name):
    train, held_out = board(name)
    model = on_board(name)
    assert model.catalog.history.nnz == len(train)
    assert not model.catalog.history.toarray()[held_out.user, held_out.item].any()


@everyone
def test_unknown_ids_are_errors_that_suggest(name):
    model = on_noise(name)
    for ask in (lambda: model.recommend("290"), lambda: model.explain("290", "3")):
        with pytest.raises(UnknownId, match="unknown user '290'") as caught:
            ask()
        assert "29" in caught.value.hint
    for ask in (lambda: model.similar_items("180"), lambda: model.recommend_from({"180": 3.0})):
        with pytest.raises(UnknownId, match="unknown item '180'") as caught:
            ask()
        assert "18" in caught.value.hint


@everyone
def test_cold_users_and_items_are_answered(name):
    model = on_noise(name)
    cold_user, cold_item = 29, 19
    assert len(model.recommend("29", 5)) == 5
    assert [one.item for one in model.recommend("29", 5)] == [one.item for one in model.recommend_from({}, 5)]
    assert model.explain("29", "3") == []
    pairs = [(cold_user, 3), (3, cold_item), (cold_user, cold_item)]
    predicted = model.predict(*np.array(pairs, dtype=np.int32).T)
    assert np.isfinite(predicted).all()
    if model.scale is not None:
        train = noise()
        assert abs(predicted[2] - train.value.mean()) < 0.3, "of neither anything is known but the mean"


@everyone
def test_predictions_are_the_clipped_scores(name):
    model, users = on_noise(name), np.arange(30, dtype=np.int32)
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:30, :20])
    predicted = model.predict(user, item)
    assert predicted.dtype == np.float32
    if model.scale is not None:
        assert predicted.min() >= 0.5
        assert predicted.max() <= 5
    expected = model.clip(model.scores(users)).ravel()
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-4)


@everyone
def test_half_stars_are_not_cut(name):
    half = noise()
    whole = Ratings(half.users, half.items, half.user, half.item, np.floor(half.value), scale=half.scale)
    model, cut = on_noise(name), TRAINERS[name]().fit(whole)
    if model.scale is None:
        pytest.skip("only ranks")
    assert model.catalog.history.data.tolist() == half.by_user().data.tolist()
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:29, :19])
    difference = model.predict(user, item).mean() - cut.predict(user, item).mean()
    assert difference == pytest.approx((half.value - whole.value).mean(), abs=0.1)


@everyone
@pytest.mark.parametrize(
    ("users", "items", "values"),
    [
        (["a"], ["x"], [4.0]),
        (["a", "a", "a"], ["x", "y", "z"], [1.0, 5.0, 2.5]),
        (["a", "b", "c"], ["x", "x", "x"], [1.0, 5.0, 2.5]),
        ([f"u{k % 7}" for k in range(70)], [f"i{k // 7}" for k in range(70)], [3.0] * 70),
        (["a", "b"], ["x", "y"], [0.0, 0.0]),
        (["a", "b", "b"], ["x", "y", "x"], [-10.0, 10.0, 0.25]),
    ],
)
def test_the_smallest_and_the_flattest_data(name, users, items, values):
    ratings = Ratings.of(users, items, values)
    model = TRAINERS[name]().fit(ratings)
    assert all(np.isfinite(array).all() for array in model.arrays().values())
    n_rated = ratings.by_user()[[0]].nnz
    assert len(model.recommend(users[0], 10, why=2)) == len(ratings.items) - n_rated
    predicted = model.predict(ratings.user, ratings.item)
    assert np.isfinite(predicted).all()
    if model.scale is not None and len(set(values)) == 1:
        np.testing.assert_allclose(predicted, values, atol=1e-4)
    assert np.isfinite(model.scores_from(ratings.by_user())).all()
    assert len(model.similar_items(items[0])) <= len(ratings.items) - 1


@everyone
def test_nothing_to_train_on(name):
    train = noise()
    with pytest.raises(BadData, match="no ratings"):
        TRAINERS[name]().fit(train.where(np.zeros(len(train), dtype=bool)))


@everyone
def test_a_name_and_a_summary(name):
    trainer = TRAINERS[name]
    assert trainer.name == name
    assert trainer.__doc__
    assert "old start" in trainer.__doc__, "what happens to users and items without ratings is said"


@everyone
def test_hyperparameters_make_the_trainer_again(name):
    trainer = TRAINERS[name]()
    assert TRAINERS[name].of(**trainer.settings()) == trainer
    for parameter in trainer.hyperparameters():
        assert parameter.help
        assert not parameter.help.endswith(".")
        assert parameter.default == trainer.settings()[parameter.name]
        if parameter.search is not None:
            assert parameter.search.low < parameter.search.high
            for value in (parameter.search.low, parameter.search.high):
                TRAINERS[name].of(**{parameter.name: parameter.type(value)})


@everyone
def test_wrong_hyperparameters_are_errors(name):
    trainer = TRAINERS[name]
    with pytest.raises(BadHyperparameter, match=f"{name} has no hyperparameter 'no_such_thing'"):
        trainer.of(no_such_thing=1)
    for parameter in trainer.hyperparameters():
        with pytest.raises(BadHyperparameter, match=f"no hyperparameter '{parameter.name}s'") as caught:
            trainer.of(**{parameter.name + "s": parameter.default})
        assert parameter.name in caught.value.hint
        if get_origin(parameter.type) is Literal:
            with pytest.raises(BadHyperparameter, match=f"{parameter.name} is 'no such word'") as caught:
                trainer.of(**{parameter.name: "no such word"})
            assert all(word in caught.value.hint for word in get_args(parameter.type))
        if parameter.type in (int, float, bool):
            with pytest.raises(BadHyperparameter, match=f"{parameter.name} is 'a lot'"):
                trainer.of(**{parameter.name: "a lot"})
        if parameter.type is float:
            for value in (float("nan"), float("inf")):
                with pytest.raises(BadHyperparameter, match=parameter.name):
                    trainer.of(**{parameter.name: value})
        if parameter.bounds.least > -math.inf:
            with pytest.raises(BadHyperparameter, match=parameter.name):
                trainer.of(**{parameter.name: parameter.type(parameter.bounds.least - 1)})
