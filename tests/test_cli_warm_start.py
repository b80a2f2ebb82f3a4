"""Training that starts from saved models, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from cofactor.atomic_folders import sha256
from cofactor.cli.options.warm_start import warm_start_options
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, save_split, split
from cofactor.saved.model_folder import load, load_manifest, save
from cofactor.trainers import TRAINERS
from cofactor.trainers.svd import SVD
from tests.conftest import Run
from tests.toys import noise


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


@pytest.fixture
def folder(parts: Split, tmp_path: Path) -> Path:
    save_split(parts, tmp_path / "parts")
    return tmp_path / "parts"


@pytest.mark.parametrize("name", TRAINERS)
def test_a_trainer_that_says_so_starts_from_its_own_models(name: str) -> None:
    trainer, train = TRAINERS[name](), noise()
    flags = [option.opts[0] for option in warm_start_options(TRAINERS[name])]
    assert ("--from" in flags) is (trainer.warm_start_model is not None)
    assert [flag for flag in flags if flag != "--from"] == [f"--from-{one}" for one in trainer.warm_start_parts]
    if trainer.warm_start_model is not None:
        begun = next(trainer.epochs(train)).model
        assert len(next(trainer.epochs(train, warm_start=begun)).model.recommend("0", 3)) == 3


def test_it_goes_on_where_the_model_was(folder: Path, run: Run, tmp_path: Path) -> None:
    svd = "train", "svd", folder, "--rank", "4"
    before = json.loads(run(*svd, "--epochs", "9", "-o", "first", "--json").stdout)
    still = run(*svd, "--epochs", "1", "--learning-rate", "0", "--from", "first", "-o", "second", "--json")
    cold = run(*svd, "--epochs", "1", "--learning-rate", "0", "-o", "cold", "--json")
    document = json.loads(still.stdout)
    assert document["metrics"] == pytest.approx(before["metrics"])
    assert json.loads(cold.stdout)["metrics"]["rmse"] > before["metrics"]["rmse"] + 0.02
    notes = load_manifest(tmp_path / "second")["notes"]["started_from"]
    assert notes == document["started_from"]
    assert notes == {"from": {"folder": "first", "manifest_sha256": sha256(tmp_path / "first" / "manifest.json")}}
    assert load_manifest(tmp_path / "cold")["notes"]["started_from"] == {}


def test_a_refit_starts_from_the_same_model(folder: Path, run: Run, parts: Split, tmp_path: Path) -> None:
    arguments = "train", "svd", folder, "--rank", "4", "--learning-rate", "0"
    run(*arguments, "--epochs", "2", "-o", "first")
    assert run(*arguments, "--epochs", "1", "--refit", "--from", "first", "-o", "second").exit_code == 0
    first, second = load(tmp_path / "first"), load(tmp_path / "second")
    assert second.training_data.interactions.nnz == len(parts.train) + len(parts.validation)
    warm = parts.train.training_data.user_counts > 0
    np.testing.assert_array_equal(first.arrays()["user_vectors"][warm], second.arrays()["user_vectors"][warm])


def test_what_may_not_be_started_from(folder: Path, run: Run, movies: Ratings, parts: Split, tmp_path: Path) -> None:
    run("train", "svd", folder, "--rank", "4", "--epochs", "1", "-o", "narrow")
    run("train", "svd", folder, "--rank", "4", "--epochs", "1", "--refit", "-o", "refitted")
    save(SVD(rank=4, n_epochs=1).fit(split(movies, seed=6).train), tmp_path / "other")
    save(SVD(rank=4, n_epochs=1).fit(parts.test), tmp_path / "cheat")
    run("train", "baseline", folder, "-o", "baseline")
    for start, said, hint in (
        ("narrow", "svd: rank is 6, the model to start from has 4", "use rank 4"),
        ("refitted", "refitted was trained on validation ratings of this split", "without refitting"),
        ("other", "other was trained on split", "cofactor split"),
        ("cheat", "cheat was trained on test ratings of this split", "train part"),
        ("baseline", "svd cannot start from a baseline model", "factor"),
        ("nowhere", "nowhere", ""),
    ):
        done = run("train", "svd", folder, "--rank", "6", "--from", start, "-o", "new")
        assert done.exit_code == 2
        assert said in done.stderr
        assert hint in done.stderr.partition("hint:")[2]
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "new").exists()


def test_without_a_validation_part_there_is_nothing_to_have_seen(run: Run, movies: Ratings, tmp_path: Path) -> None:
    save_split(split(movies, seed=5, validation=0), tmp_path / "whole")
    for more in (("-o", "first"), ("--from", "first", "-o", "second")):
        assert run("train", "svd", "whole", "--rank", "4", "--epochs", "1", *more).exit_code == 0


@pytest.mark.parametrize("name", ["popularity", "ease", "bayes"])
def test_a_trainer_that_always_begins_anew_has_no_such_option(name: str, folder: Path, run: Run) -> None:
    done = run("train", name, folder, "--from", "first")
    assert done.exit_code == 2
    assert "No such option" in done.stderr
    assert "--from" in done.stderr


def test_an_ensemble_starts_from_its_branches(folder: Path, run: Run, tmp_path: Path) -> None:
    deep = "--deep-rank", "3", "--layers", "4", "--epochs", "2"
    assert run("train", "svd", folder, "--rank", "4", "--epochs", "9", "-o", "a").exit_code == 0
    assert run("train", "deep", folder, *deep, "-o", "b").exit_code == 0
    arguments = "train", "ensemble", folder, *deep, "-o", "c"
    done = run(*arguments, "--rank", "4", "--from-factors", "a", "--from-deep", "b")
    assert done.exit_code == 0, done.stderr
    assert load_manifest(tmp_path / "c")["notes"]["started_from"].keys() == {"from-factors", "from-deep"}
    done = run(*arguments, "--rank", "5", "--from-factors", "a", "--from-deep", "b")
    assert done.exit_code == 2
    assert "rank is 5, the model to start from has 4" in done.stderr
    done = run(*arguments, "--rank", "4", "--from", "c", "--from-deep", "b")
    assert done.exit_code == 2
    assert "--from is given together with --from-deep" in done.stderr
