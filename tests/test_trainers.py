"""The base of all trainers, when to stop, and the two simplest trainers against their formulas."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.baseline import BaselineModel
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.popularity import Popularity
from cofactor.training.early_stopping import early_stopping
from cofactor.training.epoch import Epoch
from cofactor.training.hyperparameter import Bounds, SearchRange
from cofactor.training.loop import TrainingLoop
from cofactor.training.resume import NoCheckpoint
from cofactor.training.tracking.progress import NoProgress
from tests.toys import noise

FOUR = Ratings.of(["a", "a", "b", "b"], ["x", "y", "x", "z"], [1.0, 5.0, 3.0, 3.0])


def constant(value: float) -> BaselineModel:
    return BaselineModel(FOUR.training_data, (1.0, 5.0), value, np.zeros(2, np.float32), np.zeros(3, np.float32), 1.0)


def epochs(*values):
    for number, value in enumerate(values, 1):
        yield Epoch(number, len(values), constant(value), None)


@dataclass(frozen=True)
class Constant(Trainer):
    """Predicts what it is told, one value after another."""

    name: ClassVar[str] = "constant"

    start: Annotated[float, "first value", Bounds(low=1), SearchRange(1, 5)] = 5.0
    steps: Annotated[int, "how often it goes down by one", Bounds(low=0, high=10), SearchRange(1, 4)] = 4
    flavour: Annotated[str, "anything"] = "plain"
    loud: Annotated[bool, "whether it shouts"] = False
    pace: Annotated[Literal["walk", "run"], "how fast it goes"] = "walk"

    def epochs(self, ratings, *, resume=None, warm_start=None):
        yield from epochs(*(self.start - step for step in range(self.steps + 1)))


def best_epoch(epochs, validation, patience=3):
    loop = TrainingLoop(NoCheckpoint(Constant(), FOUR), NoProgress())
    return loop.run(early_stopping(epochs, validation, patience), "constant")


def test_the_lowest_validation_error_wins():
    seen = list(early_stopping(epochs(5, 4, 3, 2, 1), FOUR, patience=1))
    assert [one.best for one in seen] == [True, True, True, False]
    assert [one.rmse for one in seen] == pytest.approx([6**0.5, 3**0.5, 2**0.5, 3**0.5])
    assert [one.mae for one in seen] == pytest.approx([2, 1.5, 1, 1.5])
    assert best_epoch(epochs(5, 4, 3, 2, 1), FOUR).model.mean == 3
    assert best_epoch(epochs(4, 5, 3), FOUR, patience=2).model.mean == 3
    assert best_epoch(epochs(4, 5, 3), FOUR, patience=1).model.mean == 4
    assert best_epoch(epochs(2, 4), FOUR).epoch.number == 1, "of equal ones the first"


def test_without_validation_every_epoch_is_the_best_so_far():
    assert [(one.rmse, one.best) for one in early_stopping(epochs(5, 4), None)] == [(None, True)] * 2
    ranked = Epoch(1, 1, Popularity().fit(FOUR), None)
    assert [one.best for one in early_stopping([ranked], FOUR)] == [True]


def test_a_resumed_training_that_had_waited_long_enough_learns_no_further_epoch():
    assert list(early_stopping(epochs(1, 1), FOUR, patience=2, lowest=9.0, waited=2)) == []
    assert len(list(early_stopping(epochs(4, 5, 5), FOUR, patience=2, lowest=0.0, waited=1))) == 1


def ranked(train, *scores, of=None):
    """Epochs of models that only rank, each with one score of every item for everybody."""
    for number, bias in enumerate(scores, 1):
        nobody = np.zeros(len(train.users), np.float32)
        model = BaselineModel(train.training_data, None, 0.0, nobody, np.array(bias, np.float32), 0.0)
        yield Epoch(number, of or len(scores), model, None)


def test_a_model_that_only_ranks_is_judged_by_its_lists():
    every = Ratings.of(["a", "b", "b", "b", "b", "a", "a"], ["w", "w", "x", "y", "z", "x", "z"], [1.0] * 7)
    train, wanted = every.where(slice(0, 5)), every.where(slice(5, 7))
    third, half = 1 / np.log2(3), 1 / 2
    seen = list(early_stopping(ranked(train, [0, 1, 3, 2], [0, 3, 1, 2], [9, 3, 1, 2], [0, 1, 3, 2]), wanted))
    gains = [third + half, 1 + third, 1 + third, third + half]  # "a" has seen w, so the nine of it is for nobody
    assert [one.ndcg for one in seen] == pytest.approx([gain / (1 + third) for gain in gains])
    assert [(one.rmse, one.mae) for one in seen] == [(None, None)] * 4
    assert [one.best for one in seen] == [True, True, False, False]


def test_ranking_ends_by_patience_and_the_best_epoch_is_kept():
    train, wanted = halves()
    popular = np.bincount(wanted.item, minlength=20).astype(np.float64)
    epochs = [np.zeros(20), popular, -popular, -popular, popular]
    assert len(list(early_stopping(ranked(train, *epochs), wanted, patience=2))) == 4
    assert best_epoch(ranked(train, *epochs), wanted, patience=2).epoch.number == 2
    assert best_epoch(ranked(train, *epochs), wanted).epoch.number == 2, "of equal ones the first"


def test_the_ndcg_is_that_of_the_evaluation(monkeypatch):
    train, wanted = halves()
    scores = np.random.default_rng(1).normal(size=20)
    one = best_epoch(ranked(train, scores, of=2), wanted)
    assert one.ndcg == pytest.approx(evaluate(one.model, wanted).metrics["ndcg@10"])
    monkeypatch.setattr("cofactor.training.early_stopping.MAX_USERS", 7)
    some = np.unique(wanted.user)
    some = some[np.arange(7) * len(some) // 7]
    fewer = wanted.where(np.isin(wanted.user, some))
    assert best_epoch(ranked(train, scores, of=2), wanted).ndcg == pytest.approx(
        evaluate(one.model, fewer).metrics["ndcg@10"]
    )


def test_the_only_epoch_of_a_closed_form_is_not_ranked(monkeypatch):
    train, wanted = halves()
    monkeypatch.setattr(BaselineModel, "recommend_rows", None)
    one = best_epoch(ranked(train, np.zeros(20)), wanted)
    assert (one.best, one.ndcg) == (True, None)


def halves():
    every = noise()
    late = np.random.default_rng(0).random(len(every)) < 0.3
    return every.where(~late), every.where(late)


def test_errors_of_stopping():
    with pytest.raises(BadData, match="no validation ratings"):
        list(early_stopping(epochs(1), FOUR.where(np.zeros(4, dtype=bool))))
    with pytest.raises(BadHyperparameter, match="diverged"):
        best_epoch(epochs(float("nan"), float("nan")), FOUR)
    for patience in (0, -1):
        with pytest.raises(BadHyperparameter, match="patience"):
            list(early_stopping(epochs(1), FOUR, patience))


def test_fit_takes_the_last_or_the_best():
    assert Constant().fit(FOUR).mean == 1
    assert Constant().fit(FOUR.where(slice(0, 2)), FOUR.where(slice(2, 4))).mean == 3


def test_hyperparameters_are_read_from_the_fields():
    start, steps, flavour, loud, pace = Constant.hyperparameters()
    assert (start.name, start.type, start.default, start.help) == ("start", float, 5.0, "first value")
    assert start.search == SearchRange(1, 5)
    assert (steps.type, flavour.search, loud.type, pace.type) == (int, None, bool, Literal["walk", "run"])
    assert Constant(start=2).settings() == {"start": 2, "steps": 4, "flavour": "plain", "loud": False, "pace": "walk"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strat": 2}, "no hyperparameter 'strat'"),
        ({"start": "2"}, "start is '2', not float"),
        ({"start": True}, "start is True"),
        ({"steps": 2.0}, "steps is 2.0, not int"),
        ({"steps": None}, "steps is None"),
        ({"loud": 1}, "loud is 1, not bool"),
        ({"flavour": 3}, "flavour is 3, not str"),
        ({"pace": "fly"}, "pace is 'fly'"),
        ({"start": 0.5}, "start is 0.5"),
        ({"start": float("nan")}, "start is nan"),
        ({"start": float("inf")}, "start is inf"),
        ({"steps": -1}, "steps is -1"),
        ({"steps": 11}, "steps is 11"),
    ],
)
def test_wrong_hyperparameters(options, says):
    with pytest.raises(BadHyperparameter, match=says) as caught:
        Constant.of(**options)
    assert caught.value.hint
    if "strat" in options:
        assert caught.value.hint == "did you mean start?"


def test_an_integer_is_a_number():
    assert Constant.of(start=3, steps=0).fit(FOUR).mean == 3


def test_trainers_by_name():
    assert all(trainer.name == name for name, trainer in TRAINERS.items())
    assert {"popularity", "baseline"} <= TRAINERS.keys()


def test_popularity_counts_raters():
    ratings = noise()
    model = Popularity().fit(ratings)
    counts = [int((ratings.item == i).sum()) for i in range(20)]
    np.testing.assert_array_equal(model.score_rows(np.array([0, 29])), [counts, counts])
    assert model.scale is None
    listed = [int(line.item) for line in model.recommend("29", 20)]
    assert listed == sorted(range(19), key=lambda i: (-counts[i], i))


def test_baseline_is_the_minimum_of_its_objective():
    ratings = noise()
    trainer = Baseline(user_l2=2.0, item_l2=3.0, sweeps=60)
    model = trainer.fit(ratings)
    mean = ratings.value.astype(np.float64).mean()
    n, n_users, n_items = len(ratings), 30, 20
    design = np.zeros((n, n_users + n_items))
    design[np.arange(n), ratings.user] = 1
    design[np.arange(n), n_users + ratings.item] = 1
    penalty = np.diag([2.0] * n_users + [3.0] * n_items)
    exact = np.linalg.solve(design.T @ design + penalty, design.T @ (ratings.value - mean))
    np.testing.assert_allclose(np.concatenate([model.user_bias, model.item_bias]), exact, atol=1e-4)
    assert model.mean == pytest.approx(mean)
    last = list(trainer.epochs(ratings))[-1]
    rmse = np.sqrt(np.mean((model.score_pair_rows(ratings.user, ratings.item) - ratings.value) ** 2))
    assert last.train_rmse == pytest.approx(float(rmse), rel=1e-4)


def test_baseline_without_pull():
    model = Baseline(user_l2=0.0, item_l2=0.0).fit(noise())
    assert np.isfinite(model.score_rows(np.arange(30))).all()
    assert np.isfinite(model.fold_in_scores(noise().by_user())).all()
