"""What every trainer and its models must do. A trainer is tested here by being listed in TRAINERS."""

import math
from dataclasses import FrozenInstanceError, replace
from functools import cache
from pathlib import Path
from typing import Literal, get_args, get_origin

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadData, BadHyperparameter, UnknownId
from cofactor.models.base import Model
from cofactor.models.top_n.recommendations import history_from_ratings
from cofactor.saved.model_folder import load, save
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Trainer
from cofactor.training.checkpoint import Checkpoint, CheckpointFolder
from cofactor.training.epoch import Epoch, Snapshot
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
    items, scores = on_board(name).recommend_rows(np.arange(60, dtype=np.int32), 60)
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
    error = model.predict_rows(held_out.user, held_out.item) - held_out.value
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
    trained, folded = model.score_rows(users), model.fold_in_scores(train.by_user())
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
def test_a_block_of_similar_items_is_what_each_of_them_says(name):
    for model, items in ((on_board(name), np.array([3, 0, 59, 12])), (on_noise(name), np.array([19, 2, 7, 0, 5]))):
        block = model.similarity_among_rows(items)
        assert block.dtype == np.float32
        for place, item in enumerate(items):
            one, others = model.similarity_to_row(int(item))[items], np.arange(len(items)) != place
            np.testing.assert_allclose(block[place][others], one[others], rtol=1e-4, atol=1e-5)


@personal
def test_users_of_a_parity_are_alike_whether_trained_or_folded_in(name):
    model = on_board(name)
    for user in (0, 13):
        history = model.training_data.interactions[[user]]
        for alike in (model.similarity_to_user_row(user, history), model.similarity_to_user_row(None, history)):
            alike[user] = -np.inf
            nearest = np.argsort(-alike)[:10]
            assert all((other + user) % 2 == 0 for other in nearest)


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
    assert all(epoch.n_epochs >= epoch.number for epoch in epochs)
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
    layers = [getattr(model, n) for n in model.networks]
    for array in fields + [array for one in layers for array in (*one.weights, *one.biases)]:
        assert not isinstance(array, np.ndarray) or not array.flags.writeable
    scores = model.score_rows(np.array([0, 1], dtype=np.int32))
    scores[:] = 99
    assert (model.score_rows(np.array([0, 1], dtype=np.int32)) != 99).any(), "scores are a new array"


@everyone
def test_saved_and_loaded_it_answers_the_same(name, tmp_path):
    model, users = on_noise(name), np.arange(30, dtype=np.int32)
    save(model, tmp_path / "model", trainer=name, hyperparameters=TRAINERS[name]().settings())
    loaded = load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert same(model, loaded)
    assert (loaded.scale, loaded.training_data.scale, loaded.training_data.step) == (model.scale, (0.5, 5.0), 0.5)
    assert loaded.training_data.split == "0123abcd"
    history = noise(seed=1).by_user()
    np.testing.assert_array_equal(loaded.score_rows(users), model.score_rows(users))
    np.testing.assert_array_equal(loaded.fold_in_scores(history), model.fold_in_scores(history))
    for user in model.training_data.users.ids:
        assert loaded.recommend(user, 7, why=2) == model.recommend(user, 7, why=2)
    assert loaded.similar_items("4") == model.similar_items("4")
    assert loaded.recommend_for_ratings({"3": 4.5}) == model.recommend_for_ratings({"3": 4.5})


@everyone
def test_lists_hold_nothing_seen_and_nothing_unrated(name):
    model = on_noise(name)
    for user in range(30):
        seen = set(model.training_data.interactions[[user]].indices.tolist())
        listed = [int(line.item) for line in model.recommend(str(user), 1000)]
        assert sorted(listed) == sorted(set(range(19)) - seen), "all that is left, and item 19 was never rated"
        assert listed == [int(line.item) for line in model.recommend(str(user), 1000)]


@everyone
def test_what_is_known_is_what_was_trained_on(name):
    train, held_out = board(name)
    model = on_board(name)
    assert model.training_data.interactions.nnz == len(train)
    assert not model.training_data.interactions.toarray()[held_out.user, held_out.item].any()


@everyone
def test_unknown_ids_are_errors_that_suggest(name):
    model = on_noise(name)
    for ask in (lambda: model.recommend("290"), lambda: model.explain("290", "3")):
        with pytest.raises(UnknownId, match="unknown user '290'") as caught:
            ask()
        assert "29" in caught.value.hint
    for ask in (lambda: model.similar_items("180"), lambda: model.recommend_for_ratings({"180": 3.0})):
        with pytest.raises(UnknownId, match="unknown item '180'") as caught:
            ask()
        assert "18" in caught.value.hint


@everyone
def test_cold_users_and_items_are_answered(name):
    model = on_noise(name)
    cold_user, cold_item = 29, 19
    assert len(model.recommend("29", 5)) == 5
    assert [one.item for one in model.recommend("29", 5)] == [one.item for one in model.recommend_for_ratings({}, 5)]
    assert model.explain("29", "3") == []
    pairs = [(cold_user, 3), (3, cold_item), (cold_user, cold_item)]
    predicted = model.predict_rows(*np.array(pairs, dtype=np.int32).T)
    assert np.isfinite(predicted).all()
    if model.scale is not None:
        train = noise()
        assert abs(predicted[2] - train.value.mean()) < 0.3, "of neither anything is known but the mean"


@everyone
def test_an_unknown_user_is_folded_in_by_ratings(name):
    model, ratings = on_noise(name), {"3": 4.5, "7": 1.0, "12": 5.0}
    user, history = model.fold_in(ratings), history_from_ratings(model.training_data, ratings)
    scores, effects = model.fold_in_scores(history)[0], model.attributions(history, np.array([5], dtype=np.int32))[:, 0]
    asked = ["5", "19", "3", "5"]
    for _ in range(2):  # a list leaves the scores as they are
        listed = user.recommend(1000)
        assert sorted(int(one.item) for one in listed) == sorted(set(range(19)) - {3, 7, 12})
        assert [one.score for one in listed] == model.clip(np.sort(scores[[int(one.item) for one in listed]]))[
            ::-1
        ].tolist()
    np.testing.assert_array_equal(user.predict(asked), model.clip(scores[[5, 19, 3, 5]]))
    assert user.recommend(4, why=1) == model.recommend_for_ratings(ratings, 4, why=1)
    assert user.explain("5", 1) == user.explain("5", 3)[:1]
    if model.scale is not None:
        narrow = replace(model, scale=(2.9, 3.0)).fold_in(ratings).predict(model.training_data.items.ids.tolist())
        assert ((narrow >= np.float32(2.9)) & (narrow <= 3)).all()
    assert {one.item: one.effect for one in user.explain("5")} == pytest.approx(
        {item: effect for item, effect in zip(ratings, effects, strict=True) if effect != 0}
    )


@everyone
def test_what_cannot_be_folded_in_is_an_error(name):
    model = on_noise(name)
    with pytest.raises(UnknownId, match="unknown item '180'"):
        model.fold_in({"180": 3.0})
    with pytest.raises(BadData, match=r"rating of item .3. is 7\.0"):
        model.fold_in({"4": 3.0, "3": 7.0})
    user = model.fold_in({"3": 4.5})
    unknown = model.clip(model.unknown_item_scores[-1:])[0]
    assert user.predict(["4", "180"]).tolist() == [user.predict(["4"])[0], unknown]
    with pytest.raises(UnknownId, match="unknown item '180'"):
        user.explain("180")
    with pytest.raises(BadData, match="a list of -1"):
        user.recommend(3, why=-1)


@everyone
def test_predictions_are_the_clipped_scores(name):
    model, users = on_noise(name), np.arange(30, dtype=np.int32)
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:30, :20])
    predicted = model.predict_rows(user, item)
    assert predicted.dtype == np.float32
    if model.scale is not None:
        assert predicted.min() >= 0.5
        assert predicted.max() <= 5
    expected = model.clip(model.score_rows(users)).ravel()
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-4)


@everyone
def test_half_stars_are_not_cut(name):
    half = noise()
    whole = Ratings(half.users, half.items, half.user, half.item, np.floor(half.value), scale=half.scale)
    model, cut = on_noise(name), TRAINERS[name]().fit(whole)
    if model.scale is None:
        pytest.skip("only ranks")
    assert model.training_data.interactions.data.tolist() == half.by_user().data.tolist()
    user, item = (grid.ravel().astype(np.int32) for grid in np.mgrid[:29, :19])
    difference = model.predict_rows(user, item).mean() - cut.predict_rows(user, item).mean()
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
    if max(values) <= 0 and TRAINERS[name]().only_ranks("ratings"):
        with pytest.raises(BadData, match="none of the ratings is above 0"):
            TRAINERS[name]().fit(ratings)
        return
    model = TRAINERS[name]().fit(ratings)
    assert all(np.isfinite(array).all() for array in model.arrays().values())
    n_rated = ratings.by_user()[[0]].nnz
    assert len(model.recommend(users[0], 10, why=2)) == len(ratings.items) - n_rated
    predicted = model.predict_rows(ratings.user, ratings.item)
    assert np.isfinite(predicted).all()
    if model.scale is not None and len(set(values)) == 1:
        np.testing.assert_allclose(predicted, values, atol=1e-4)
    assert np.isfinite(model.fold_in_scores(ratings.by_user())).all()
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
        if parameter.bounds.low > -math.inf:
            with pytest.raises(BadHyperparameter, match=parameter.name):
                trainer.of(**{parameter.name: parameter.type(parameter.bounds.low - 1)})


ITERATIVE = [name for name, trainer in TRAINERS.items() if hasattr(trainer, "n_epochs") or name == "baseline"]
iterative = pytest.mark.parametrize("name", ITERATIVE)


def some_epochs(name: str, **more: int) -> Trainer:
    """A trainer of nine epochs, which keeps few draws, so that some of them are dropped."""
    few = {"n_epochs": 9, "sweeps": 9, "n_draws": 2, "burn_in": 1} | more
    trainer = TRAINERS[name]()
    return TRAINERS[name].of(**trainer.settings() | {n: v for n, v in few.items() if n in trainer.settings()})


def kept(folder: Path, epoch: Epoch, store: CheckpointFolder | None = None) -> Snapshot:
    """A snapshot of an epoch, as the next process finds it on the disk."""
    snapshot = epoch.snapshot()
    assert snapshot is not None, "an epoch of an iterative trainer can be gone on from"
    (store or CheckpointFolder(folder)).write(Checkpoint({}, [{}] * epoch.number, {}, snapshot.arrays, {}))
    return Snapshot(epoch.number, CheckpointFolder(folder).read().state)


@iterative
def test_a_training_that_was_broken_off_ends_in_the_same_numbers(name, tmp_path):
    train, store = noise(), CheckpointFolder(tmp_path)
    whole, snapshots = [], []
    for epoch in some_epochs(name).epochs(train):
        whole.append(epoch)
        snapshots.append({n: np.array(a) for n, a in kept(tmp_path, epoch, store).arrays.items()})
        assert epoch.model.training_data is train.training_data, "what a checkpoint gives back to the best model"
    assert len(whole) == whole[0].n_epochs == 9
    for done in (1, 4, 8):
        rest = list(some_epochs(name, threads=2).epochs(noise(), resume=Snapshot(done, snapshots[done - 1])))
        assert [epoch.number for epoch in rest] == list(range(done + 1, 10))
        for before, after in zip(whole[done:], rest, strict=True):
            assert (after.train_rmse, after.learning_rate, after.objective) == (
                before.train_rmse, before.learning_rate, before.objective
            )  # fmt: skip
            assert same(before.model, after.model), f"{after.number} gone on from {done}"
    assert not list(some_epochs(name).epochs(train, resume=Snapshot(9, snapshots[8]))), "nothing is left"


@iterative
def test_it_may_be_broken_off_after_every_epoch(name, tmp_path):
    train, snapshot = noise(), None
    for _ in range(9):
        epoch = next(some_epochs(name).epochs(train, resume=snapshot))
        snapshot = kept(tmp_path, epoch)
    assert same(epoch.model, some_epochs(name).fit(train))


@iterative
def test_a_snapshot_of_something_else_is_refused(name, tmp_path):
    train = noise()
    snapshot = kept(tmp_path, next(some_epochs(name).epochs(train)))
    arrays = dict(snapshot.arrays)
    one = max(arrays, key=lambda n: arrays[n].size)
    wrong = [
        {},
        arrays | {"more": np.zeros(3)},
        {n: a for n, a in arrays.items() if n != one},
        arrays | {one: arrays[one][:-1]},
        arrays | {one: arrays[one].astype(np.int64)},
        arrays | {one: np.full_like(arrays[one], np.nan)},
    ]
    for each in wrong:
        with pytest.raises((BadArtifact, BadHyperparameter)) as caught:
            next(some_epochs(name).epochs(train, resume=Snapshot(1, each)))
        assert caught.value.hint
    larger = noise(n_users=40)
    with pytest.raises((BadArtifact, BadHyperparameter)):
        next(some_epochs(name).epochs(larger, resume=snapshot))


@pytest.mark.parametrize("name", [name for name in TRAINERS if name not in ITERATIVE])
def test_training_in_one_step_cannot_be_resumed(name):
    with pytest.raises(BadHyperparameter, match=f"{name} trains in one step"):
        next(TRAINERS[name]().epochs(noise(), resume=Snapshot(1, {})))


COLD = [name for name, one in TRAINERS.items() if not (one.warm_start_model or one.warm_start_parts)]
COLD.remove("autoencoder")  # starts from an autoencoder of users with the same layers: see test_autoencoder


@pytest.mark.parametrize("name", COLD)
def test_a_trainer_without_a_warm_start_refuses_a_model(name):
    with pytest.raises(BadHyperparameter, match=f"{name} cannot start from a model"):
        next(TRAINERS[name]().epochs(noise(), warm_start=on_noise(name)))


@everyone
@pytest.mark.parametrize("kind", ["counts", "pairs"])
def test_interactions_are_ranked_or_refused(name, kind, tmp_path):
    """What more a trainer of interactions must do is in test_interactions."""
    rated = noise()
    value = np.ceil(rated.value**3) if kind == "counts" else np.ones(len(rated))
    train = replace(rated, value=value, scale=(0.0, 0.0), step=None, kind=kind)
    if not TRAINERS[name]().only_ranks(kind):
        with pytest.raises(BadData, match=f"{name} predicts ratings, but the data holds {kind}"):
            TRAINERS[name]().fit(train)
        return
    model = TRAINERS[name]().fit(train)
    assert (model.scale, model.training_data.kind) == (None, kind)
    assert same(model, TRAINERS[name]().fit(train))
    for user in ("0", "13", "29"):
        seen = set(model.training_data.interactions[[int(user)]].indices.tolist())
        assert sorted(int(one.item) for one in model.recommend(user, 100)) == sorted(set(range(19)) - seen)
    history = {"3": 1.0, "7": 1.0}
    assert len(model.recommend_for_ratings(history, 100, why=1)) == 17
    with pytest.raises(BadData, match="the rating of item '3' is -1"):
        model.recommend_for_ratings({"3": -1.0})
    save(model, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert same(model, loaded)
    assert loaded.recommend("13", 9, why=2) == model.recommend("13", 9, why=2)
