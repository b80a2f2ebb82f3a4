"""What went wrong in four earlier programs, as tests that it cannot happen here.

Numbers are those of the list of what must be impossible. Number 6, dropout in training and in prediction, waits for
the first network.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pytest

import cofactor
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read
from cofactor.data.splitting.split import Split, folds, split
from cofactor.data.synthetic.generate import generate_parquet
from cofactor.errors import SplitMismatch, UnknownId
from cofactor.evaluation.evaluate import evaluate
from cofactor.models.base import Model
from cofactor.saved.model_folder import load, save
from cofactor.serving.loaded_model import LoadedModel
from cofactor.serving.model_registry import RecommendationService
from cofactor.serving.schemas.requests import RecoQuery
from cofactor.trainers import TRAINERS
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.svd import SVD
from cofactor.training.early_stopping import early_stopping
from cofactor.training.fit import fit
from tests.conftest import Run


@pytest.fixture(scope="module")
def parts(movies: Ratings) -> Split:
    return split(movies, seed=5)


@pytest.fixture(scope="module")
def model(parts: Split) -> Model:
    return SVD(rank=4, n_epochs=4).fit(parts.train)


@pytest.fixture(scope="module")
def trained(parts: Split) -> Callable[[str], Model]:
    """The model of a trainer with its defaults, trained once."""
    return cache(lambda name: TRAINERS[name]().fit(parts.train, parts.validation))


def pairs_of(ratings: Ratings) -> set[tuple[int, int]]:
    return set(zip(ratings.user.tolist(), ratings.item.tolist(), strict=True))


# 1. A leak --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINERS)
def test_1_what_a_model_knows_of_a_user_holds_no_held_out_row(
    name: str, parts: Split, trained: Callable[[str], Model]
) -> None:
    history = trained(name).training_data.interactions.tocoo()
    known = set(zip(history.row.tolist(), history.col.tolist(), strict=True))
    assert known == pairs_of(parts.train)
    assert not known & (pairs_of(parts.test) | pairs_of(parts.validation))


def test_1_a_warm_start_from_another_split_is_refused(movies: Ratings, model: Model) -> None:
    other = split(movies, seed=6)
    with pytest.raises(SplitMismatch, match="another split"):
        next(SVD(rank=4).epochs(other.train, warm_start=model))


def test_1_a_model_is_not_measured_on_what_it_has_seen(movies: Ratings, parts: Split, model: Model) -> None:
    """Of another split's test rows, four in five are rows it was trained on."""
    fold = next(folds(movies, 5))
    for seen in (split(movies, seed=6).test, fold.test, parts.train, replace(movies, split=None)):
        with pytest.raises(SplitMismatch):
            evaluate(model, seen)


def test_1_the_test_ratings_choose_no_epoch(parts: Split) -> None:
    """Test ratings turned upside down change the figures and nothing of the model."""
    low, high = parts.test.scale
    turned = replace(parts, test=replace(parts.test, value=low + high - parts.test.value), fingerprint="")
    here, there = (fit(SVD(rank=8, n_epochs=30), one, patience=2) for one in (parts, turned))
    assert here.best_epoch == there.best_epoch < 30
    figures = [[replace(row, seconds=0.0, at=0.0) for row in fitted.history] for fitted in (here, there)]
    assert figures[0] == figures[1]
    for name, array in here.model.arrays().items():
        assert np.array_equal(array, there.model.arrays()[name]), name


# 2. A figure that is not what its name says -----------------------------------------------------------------------


def test_2_the_error_is_over_every_row_of_the_set_and_the_same_each_time(parts: Split, model: Model) -> None:
    report = evaluate(model, parts.test)
    error = model.predict_rows(parts.test.user, parts.test.item).astype(np.float64) - parts.test.value
    assert report.counts["ratings"] == len(parts.test)
    assert report.metrics["mse"] == pytest.approx(np.mean(error**2), rel=1e-6)
    assert report.metrics["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    assert report.metrics["mae"] == pytest.approx(np.mean(np.abs(error)), rel=1e-6)
    assert evaluate(model, parts.test).metrics == report.metrics


def test_2_the_epoch_is_chosen_on_every_validation_row(parts: Split) -> None:
    rows = parts.validation
    for one in early_stopping(SVD(rank=4, n_epochs=3).epochs(parts.train), rows):
        error = one.model.predict_rows(rows.user, rows.item).astype(np.float64) - rows.value
        assert one.rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)


# 3. A wrong answer ------------------------------------------------------------------------------------------------


def test_3_the_answer_is_for_the_user_of_that_id_in_whatever_order_the_ratings_came(parts: Split) -> None:
    """Predecessor C answered for whoever stood in row 40 of the shuffled ratings."""
    shuffled = parts.train.where(np.random.default_rng(0).permutation(len(parts.train)))
    lists = [
        RecommendationService(LoadedModel(Baseline().fit(one), {})).reco(RecoQuery(UsrID="40", n_recos=5))
        | {"model": ""}
        for one in (parts.train, shuffled)
    ]
    assert lists[0] == lists[1]
    model = Baseline().fit(parts.train)
    assert lists[0]["labels"] == [one.title for one in model.recommend("40", 5)]


@pytest.mark.parametrize("name", TRAINERS)
def test_3_nothing_seen_nothing_unrated_and_no_score_off_the_scale(
    name: str, parts: Split, trained: Callable[[str], Model]
) -> None:
    model = trained(name)
    rated = set(parts.train.item.tolist())
    for row in range(0, len(parts.train.users), 37):
        listed = model.recommend(parts.train.users.ids[row], 200)
        items = {parts.train.items.row(one.item) for one in listed}
        seen = set(parts.train.item[parts.train.user == row].tolist())
        assert items == rated - seen
        if model.scale is not None:
            assert all(model.scale[0] <= one.score <= model.scale[1] for one in listed)


def test_3_titles_in_latin_1_are_read_and_served_as_numbers_and_text(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1::5::1\n1::2::1::2\n2::2::4::3\n2::1::3::4\n3::2::2::5\n")
    (tmp_path / "movies.dat").write_bytes("1::Misérables, Les (1995)::Drama\n2::Amélie::Comedy\n".encode("latin-1"))
    answer = RecommendationService(LoadedModel(Baseline().fit(read(tmp_path)), {})).reco(
        RecoQuery(UsrID="3", n_recos=5)
    )
    assert answer["labels"] == ["Misérables, Les (1995)"]
    assert all(isinstance(score, float) for score in answer["ratings"])


def test_3_every_rated_movie_of_real_data_has_its_title(real_data: Path) -> None:
    for name in ("ml-100k", "ml-1m", "ml-latest-small"):
        ratings = read(real_data / name)
        assert ratings.titles is not None
        assert all(title and "\N{REPLACEMENT CHARACTER}" not in title for title in ratings.titles), name


# 4. A crash -------------------------------------------------------------------------------------------------------


def test_4_unknown_users_and_items_empty_files_and_bad_rows_are_told(parts: Split, run: Run, tmp_path: Path) -> None:
    save(Baseline().fit(parts.train), tmp_path / "new" / "model")  # a folder that did not exist
    with pytest.raises(UnknownId, match="nobody"):
        load(tmp_path / "new" / "model").recommend("nobody")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.csv").write_text("user,item,rating\n1,1,5\n1,2,nothing\n")
    questions = (
        ["recommend", "new/model", "nobody"],
        ["similar", "new/model", "nothing"],
        ["explain", "new/model", "1", "nothing"],
        ["train", "svd", "empty.csv"],
        ["train", "svd", "bad.csv"],
    )
    for arguments in questions:
        done = run(*arguments)
        assert done.exit_code == 2, arguments
        assert done.stderr.startswith("error: "), arguments
        assert "\n\nhint: " in done.stderr, arguments


def test_4_of_a_pair_rated_twice_the_latest_counts_and_the_number_is_told(run: Run, tmp_path: Path) -> None:
    rows = [f"{user},{item},{(user + item) % 5 + 1},{item}" for user in range(1, 7) for item in range(1, 7)]
    (tmp_path / "r.csv").write_text("\n".join(["user,item,rating,timestamp", "1,1,5,99", *rows, "2,2,4,0"]))
    ratings = read(tmp_path / "r.csv")
    found = {(u, i): v for u, i, v in zip(ratings.user, ratings.item, ratings.value, strict=True)}
    assert (len(ratings), found[0, 0], found[1, 1]) == (36, 5.0, 5.0)
    assert "2 earlier ratings of a pair rated again left out" in run("split", "r.csv").stderr


# 5. A model that is only there where it was trained ---------------------------------------------------------------


def test_5_a_new_process_answers_the_same_without_any_training_code(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path / "model")
    code = (
        "import sys, json\nfrom cofactor.serving.api.application import create_app\n"
        "from cofactor.serving.loaded_model import LoadedModel\n"
        "from cofactor.serving.schemas.requests import RecoQuery\n"
        "from cofactor.serving.model_registry import ModelRegistry\n"
        "service = ModelRegistry(LoadedModel.open(sys.argv[1]))\n"
        "create_app(service); service.warm_up()\nanswer = service.service().reco(RecoQuery(UsrID='7', n_recos=5))\n"
        "loaded = [name for name in sys.modules if name.startswith(('cofactor.trainers', 'numba', 'torch'))]\n"
        "print(json.dumps([answer['ratings'], loaded]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True, check=True, timeout=60
    )
    scores, loaded = json.loads(done.stdout)
    assert scores == [round(one.score, 4) for one in model.recommend("7", 5)]
    assert loaded == []


def test_5_suggestions_for_every_user_can_be_stored(model: Model, run: Run, tmp_path: Path) -> None:
    """What the users of predecessor A asked for without an answer."""
    save(model, tmp_path / "model")
    assert run("recommend", "model", "--all", "-n", "3", "-o", "top.parquet").exit_code == 0
    rows = duckdb.sql(f"SELECT \"user\", list(item ORDER BY rank) FROM '{tmp_path}/top.parquet' GROUP BY 1").fetchall()
    assert dict(rows) == {
        user: [one.item for one in model.recommend(user, 3)] for user in model.training_data.users.ids
    }


# 6. Dropout that is off where it should be on, or on where it should be off -----------------------------------------


DROPS = {  # trainers with dropout, and as many epochs as it takes each to learn something
    "latent-factor": {"n_epochs": 30},
    "deep": {"n_epochs": 6},
    "ensemble": {"n_epochs": 6},
    "autoencoder": {"n_epochs": 40, "rows": "users", "layers": "64"},
}


@pytest.mark.parametrize("name", DROPS)
def test_6_dropout_is_on_in_training_and_off_in_prediction(name: str, parts: Split) -> None:
    """What is left out makes the errors on the way larger, and not those of the model."""
    train = parts.train
    more: list[float] = []
    for dropout in (0.0, 0.6):
        trainer = TRAINERS[name].of(dropout=dropout, **DROPS[name])
        last = list(trainer.epochs(train))[-1]
        predicted = last.model.predict_rows(train.user, train.item)
        assert np.array_equal(predicted, last.model.predict_rows(train.user, train.item))
        more.append((last.train_rmse or 0) - float(np.sqrt(np.mean((predicted - train.value) ** 2))))
    assert more[1] > more[0] + 0.005


# 7. Records paired by their order ---------------------------------------------------------------------------------


def test_7_the_order_of_test_rows_and_the_numbering_of_ids_change_no_figure(parts: Split, model: Model) -> None:
    """Predecessor D matched test rows with other users' training rows."""
    test = parts.test
    order = np.random.default_rng(1).permutation(len(test))
    renumbered = Ratings.of(test.users.ids[test.user[order]], test.items.ids[test.item[order]], test.value[order])
    assert len(renumbered.items) < len(test.items)  # other rows for the same ids
    for name, value in evaluate(model, test).metrics.items():
        assert evaluate(model, test.where(order)).metrics[name] == pytest.approx(value, abs=1e-9), name
        if name in ("rmse", "mae", "accuracy"):
            assert evaluate(model, renumbered).metrics[name] == pytest.approx(value, abs=1e-9), name


def test_7_half_stars_stay_half(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("userId,movieId,rating,timestamp\n1,1,3.5,1\n1,2,0.5,2\n2,1,4,3\n")
    ratings = read(tmp_path / "r.csv")
    assert ratings.value.tolist() == [3.5, 0.5, 4.0]
    assert ratings.step == 0.5


# 8. Two runs that differ ------------------------------------------------------------------------------------------


def test_8_two_runs_with_one_seed_leave_the_same_arrays_in_two_processes(run: Run, tmp_path: Path) -> None:
    code = "from cofactor.cli import main; main()"
    options = ("train", "svd", "--epochs", "2", "--rank", "4", "--seed", "9", "-q")
    assert run(*options, "-o", "here").exit_code == 0
    arguments = [sys.executable, "-c", code, *options, "-o", str(tmp_path / "there")]
    there = subprocess.run(arguments, cwd=Path(cofactor.__file__).parents[1], capture_output=True, timeout=120)
    assert there.returncode == 0
    arrays = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("here", "there")]
    assert arrays[0] == arrays[1]


# Beside the list --------------------------------------------------------------------------------------------------


def test_made_data_can_be_read_and_learned_from(tmp_path: Path) -> None:
    """Predecessor C's generator made pure noise, in a file that its own loader could not read."""
    made = generate_parquet(tmp_path / "r.parquet", 400, 100, 40)
    ratings = read(tmp_path / "r.parquet")
    parts = split(ratings)
    assert len(ratings) == 16_000
    assert ratings.titles is not None
    constant = float(np.sqrt(np.mean((parts.test.value - parts.train.value.mean()) ** 2)))
    learned = evaluate(SVD(rank=8).fit(parts.train, parts.validation), parts.test, k=()).metrics["rmse"]
    assert made.best_rmse < learned < (made.best_rmse + constant) / 2


def test_no_text_becomes_code() -> None:
    """Predecessor B gave an option to `eval`; a pickle is the same in a file."""
    root = Path(cofactor.__file__).parent
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec", "__import__"), file
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {getattr(node, "module", None), *(one.name for one in node.names)}
                assert not names & {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}, file
