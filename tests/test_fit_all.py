"""Training on every rating, for a model that is served: `cofactor.fit(trainer, ratings)` and `cofactor train --all`."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter, SplitMismatch
from cofactor.trainers import TRAINERS
from tests.conftest import Run
from tests.toys import checkerboard


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return checkerboard(20, 20)[0]


def test_a_model_of_all_ratings_is_that_of_the_best_number_of_epochs(ratings: Ratings) -> None:
    trainer = cofactor.SVD(rank=4, n_epochs=12, learning_rate=0.1)
    fitted = cofactor.fit(trainer, ratings, patience=2)
    chosen = cofactor.fit(trainer, cofactor.split(ratings, "random", test=0.0, validation=0.1), patience=2)
    assert (fitted.best_epoch, fitted.refitted) == (chosen.best_epoch, True)
    assert [row.validation_rmse for row in fitted.history] == [row.validation_rmse for row in chosen.history]
    assert fitted.model.training_data.interactions.nnz == len(ratings)
    again = replace(trainer, n_epochs=fitted.best_epoch).fit(ratings)
    users, items = ratings.users.ids.tolist(), ratings.items.ids.tolist()
    np.testing.assert_array_equal(fitted.model.predict(users, items), again.predict(users, items))


def test_a_closed_form_is_fitted_once(ratings: Ratings) -> None:
    class Counts(cofactor.Popularity):
        n_calls = 0

        def solve(self, ratings: Ratings) -> cofactor.Model:
            type(self).n_calls += 1
            return super().solve(ratings)

    fitted = cofactor.fit(Counts(), ratings)
    assert (Counts.n_calls, fitted.refitted, fitted.best_epoch) == (1, True, 1)
    assert fitted.model.training_data.interactions.nnz == len(ratings)
    three = Ratings.of(["a", "a", "b"], ["x", "y", "x"], [1, 2, 3])  # too few for a validation part
    assert cofactor.fit(cofactor.Popularity(), three).model.training_data.interactions.nnz == 3
    with pytest.raises(BadData, match="too few"):
        cofactor.fit(cofactor.SVD(), three)


def test_which_trainers_have_an_epoch_to_choose() -> None:
    assert {name for name, one in TRAINERS.items() if one.one_step} == {"popularity", "ease", "filter", "knn"}


def test_all_ratings_leave_nothing_to_measure_on(ratings: Ratings) -> None:
    fitted = cofactor.fit(cofactor.Baseline(), ratings)
    assert fitted.model.training_data.split is None
    with pytest.raises(SplitMismatch, match=rf"trained on {len(ratings)} of the {len(ratings)} test ratings"):
        cofactor.evaluate(fitted.model, ratings)
    with pytest.raises(BadHyperparameter, match="cannot start from a model"):
        cofactor.fit(cofactor.SVD(rank=4), ratings, warm_start=fitted.model)


def test_a_training_on_all_ratings_resumes(ratings: Ratings, tmp_path: Path) -> None:
    trainer = cofactor.SVD(rank=4, n_epochs=6)
    whole = cofactor.fit(trainer, ratings)

    def stop(epoch: object, row: object) -> None:
        raise KeyboardInterrupt

    left = cofactor.fit(trainer, ratings, checkpoint=tmp_path / "state", on_epoch=stop)
    assert (left.interrupted, left.refitted) == (True, False)
    assert left.model.training_data.interactions.nnz < len(ratings)
    resumed = cofactor.fit(trainer, ratings, checkpoint=tmp_path / "state", resume=True)
    assert resumed.refitted
    for name, array in whole.model.arrays().items():
        np.testing.assert_array_equal(resumed.model.arrays()[name], array)


@pytest.fixture
def table(ratings: Ratings, tmp_path: Path) -> Path:
    ratings.to_pandas().to_csv(tmp_path / "r.csv", index=False)
    return tmp_path / "r.csv"


@pytest.mark.parametrize("trainer", ["baseline", "popularity"])
def test_train_all_says_that_nothing_was_measured(trainer: str, run: Run, table: Path, ratings: Ratings) -> None:
    done = run("train", trainer, table, "--all", "-o", "model")
    assert done.exit_code == 0, done.stderr
    n = f"{len(ratings):,}"
    assert done.stdout == f"trained on all {n} ratings; nothing was measured, because there are no test ratings\n"
    assert "evaluate" not in done.stderr
    manifest = cofactor.load_manifest("model")
    assert (manifest["counts"]["ratings"], manifest["metrics"], manifest["split"]) == (len(ratings), {}, None)
    assert manifest["notes"]["trained_on"] == "all ratings"
    refused = run("evaluate", "model", table)
    assert refused.exit_code == 2
    assert f"trained on {n} of the {n} test ratings" in refused.stderr
    assert run("recommend", "model", "3", "-n", "2").exit_code == 0


def test_train_all_joins_the_parts_of_a_split(run: Run, table: Path, ratings: Ratings) -> None:
    run("split", table, "-o", "parts")
    found = json.loads(run("train", "baseline", "parts", "--all", "--json", "--seed", "3").stdout)
    assert (found["metrics"], found["split"], found["refitted"]) == ({}, None, True)
    assert cofactor.load("models/baseline").training_data.interactions.nnz == len(ratings)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--test", "r.csv"], "--test has no effect with --all"),
        (["--test-share", "0.2"], "--test-share has no effect with --all"),
        (["--cut", "2000-01-01"], "--cut has no effect with --all"),
        (["--validation-share", "0"], "no ratings to choose the epoch on"),
    ],
)
def test_options_that_contradict_all(options: list[str], said: str, run: Run, table: Path) -> None:
    done = run("train", "baseline", table, "--all", *options)
    assert done.exit_code == 2
    assert said in done.stderr
