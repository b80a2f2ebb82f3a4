"""A short form of `make soak`'s damage to model folders, and what it has found."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadData, CofactorError
from cofactor.models.base import Model
from cofactor.models.regression.linear_solver import solve_or_nan
from cofactor.models.top_n.selection import EXCLUDED, top_n, top_n_per_row
from cofactor.saved.model_folder import load, load_with_manifest, save
from cofactor.serving.item_map import catalogue_map
from cofactor.serving.loaded_model import LoadedModel
from cofactor.trainers.popularity import Popularity
from soak.digests import sign_again
from soak.folders import opening_case, temporary_folder
from soak.parquet_tables import BOMBS, written
from soak.races import racing_case
from soak.sample_models import models
from soak.workers import Case, Fault, run
from tests.toys import factors, noise


def test_damaged_folders_are_refused_or_answer():
    with temporary_folder() as folder:
        tally = run(opening_case, (11, folder), 400)
    assert not tally.faults
    assert tally.outcomes.total() == 400
    assert (
        min(
            tally.outcomes[one]
            for one in ("refused", "refused with corrected digests", "valid with corrected digests", "unchanged")
        )
        > 2
    )


def test_a_folder_that_is_swapped_while_it_is_read_is_one_of_both_or_refused():
    with temporary_folder() as folder:
        tally = run(racing_case, (folder,), 40)
    assert not tally.faults
    assert tally.outcomes["one of the two"] > 0


def naughty() -> Case:
    def case(number: int) -> str:
        if number == 1:
            os._exit(3)
        if number == 2:
            kept.append(bytearray(260 << 20))
        if number == 3:
            raise ValueError("three")
        while number == 4:
            pass
        return "fine"

    kept: list[bytearray] = []
    return case


def test_a_crash_a_flood_an_exception_and_a_hang_are_faults_and_the_rest_is_done():
    tally = run(naughty, (), 6, workers=1, longest=0.5)
    assert [(one.number, one.what) for one in tally.faults] == [
        (1, "the process ended with 3"),
        (2, "memory grew by 260 MiB"),
        (3, "ValueError: three"),
        (4, "took more than 0.5 s"),
    ]
    assert isinstance(tally.faults[0], Fault)
    assert tally.outcomes == {"fine": 2}


# --- what was found


@pytest.fixture(scope="module")
def kinds() -> dict[str, Model]:
    return dict(models())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(factors(noise()), tmp_path / "m")
    return tmp_path / "m"


def resigned(folder: Path, **changed: bytes) -> None:
    """Puts files into a model's folder, their digests made right."""
    files = {one.name: one.read_bytes() for one in folder.iterdir()}
    for name, data in sign_again(files | changed, files, arrays=True).items():
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("name", [name for name in BOMBS if name != "a text of 300 MB"])
def test_a_small_file_that_unpacks_to_gigabytes_is_refused_before_it_does(folder, name):
    few = BOMBS[name].replace("range(30_000_000)", "range(300_000)").replace("range(10_000_000)", "range(300_000)")
    resigned(folder, **{"users.parquet": written(few, "zstd")})
    with pytest.raises(
        BadArtifact, match=r"users\.parquet (has more than 30 rows|has the columns|cannot be read|holds)"
    ):
        load(folder)


def test_counts_that_ask_for_many_rows_need_arrays_for_them(folder):
    said = (folder / "manifest.json").read_bytes()
    resigned(folder, **{"manifest.json": said.replace(b'"items": 20', b'"items": 99999')})
    with pytest.raises(BadArtifact, match=r"too short for the 99,999 rows of items\.parquet"):
        load(folder)


@pytest.mark.parametrize("kind", ["UUID", "INT[]", "BLOB", "DATE"])
def test_ids_of_another_type_are_refused(folder, kind):
    of = {"UUID": "md5(range::VARCHAR)", "INT[]": "[range]", "BLOB": "'x'", "DATE": "'2020-01-01'"}[kind]
    query = f"SELECT range::INT AS row, {of}::{kind} AS id FROM range(30)"
    resigned(folder, **{"users.parquet": written(query, "zstd")})
    with pytest.raises(BadArtifact, match="has the columns"):
        load(folder)


def test_the_type_of_every_size_and_digest_is_looked_at(folder):
    said = (folder / "manifest.json").read_bytes()
    size = len((folder / "items.parquet").read_bytes())
    assert f'"bytes": {size}'.encode() in said
    resigned(folder, **{"manifest.json": said.replace(f'"bytes": {size}'.encode(), b'"bytes": [0, 0]')})
    with pytest.raises(BadArtifact, match="in an unknown way"):
        load(folder)


def changed(model: Model, **numbers: object) -> Model:
    return type(model).from_arrays(model.training_data, model.scale, model.arrays() | numbers)


def test_numbers_beyond_any_training_are_neither_saved_nor_read(tmp_path, kinds, monkeypatch):
    far = changed(kinds["baseline"], item_bias=np.full(20, 1e30, np.float32))
    with pytest.raises(BadArtifact, match="'item_bias' that is beyond 1e"):
        save(far, tmp_path / "m")
    monkeypatch.setattr("cofactor.saved.manifest.LARGEST", 1e35)
    save(far, tmp_path / "m")
    monkeypatch.undo()
    with pytest.raises(BadArtifact, match="'item_bias' that is beyond 1e"):
        load(tmp_path / "m")


def test_more_text_than_is_read_again_is_not_written(tmp_path):
    titles = np.array(["x" * 1_000_000] * 20, dtype=object)
    model = factors(noise())
    with pytest.raises(BadData, match=r"items\.parquet would hold more text"):
        save(replace(model, training_data=replace(model.training_data, titles=titles)), tmp_path / "m")


@pytest.mark.parametrize("number", [{"unobserved": -0.5}, {"l2": -1.0}, {"exponent": 1.5}])
def test_an_implicit_model_of_negative_weights_is_none(kinds, number):
    with pytest.raises(BadArtifact, match="impossible"):
        changed(kinds["implicit"], **{name: np.array(one) for name, one in number.items()})


@pytest.mark.parametrize("name", ["user_power", "item_power"])
def test_a_filter_of_absurd_powers_is_none(kinds, name):
    with pytest.raises(BadArtifact, match="between 0 and 4"):
        changed(kinds["walking-filter"], **{name: np.array(40.0)})


def test_equations_without_an_answer_have_none_that_counts(kinds):
    rank_one = np.ones((2, 3, 3))
    assert np.isnan(solve_or_nan(rank_one, np.ones((2, 3, 1)))).all()
    assert solve_or_nan(rank_one, np.ones((2, 3, 1))).shape == (2, 3, 1)
    assert np.isnan(solve_or_nan(rank_one[0], np.ones(3))).all()
    model = changed(kinds["posterior"], noise=np.full(3, 1e-45, np.float32))
    with np.errstate(all="ignore"):
        assert model.recommend("3", 5, why=2)
        model.recommend_for_ratings({"3": 3.0, "4": 5.0}, 5, why=1)


def test_scores_that_are_not_finite_are_listed_nowhere():
    scores = np.array([[1, np.inf, 3, np.nan, -np.inf, 2]], dtype=np.float32)
    rows, best = top_n_per_row(scores, 4)
    assert rows.tolist() == [[2, 5, 0, -1]]
    assert best[0, 3] == EXCLUDED
    for many in (scores[0], np.concatenate([scores[0], np.full(5000, -1, np.float32)])):
        rows, best = top_n(many, 3)
        assert rows.tolist()[:2] == [2, 5]
        assert np.isfinite(best).all()


def test_an_error_is_one_line_that_moves_no_cursor():
    error = CofactorError("first\nsecond \x1b[2J", "a\tb\u202e")
    assert error.message.isprintable()
    assert error.hint.isprintable()
    assert str(error) == f"{error.message}\n  hint: {error.hint}"
    assert str(CofactorError("no hint")) == "no hint"


def test_there_and_back_again_is_noticed(folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "other")
    from cofactor.saved import model_folder

    inner = model_folder._load

    def load_while_swapped(*given):
        folder.rename(tmp_path / "aside")
        (tmp_path / "other").rename(folder)
        try:
            return inner(*given)
        finally:
            folder.rename(tmp_path / "other")
            (tmp_path / "aside").rename(folder)

    monkeypatch.setattr(model_folder, "_load", load_while_swapped)
    with pytest.raises(BadArtifact, match="replaced while it was read"):
        LoadedModel.open(folder)
    with pytest.raises(BadArtifact, match="replaced while it was read"):
        load_with_manifest(folder)


def test_a_folder_that_vanishes_while_it_is_read_is_refused(folder, tmp_path, monkeypatch):
    from cofactor.saved import model_folder

    inner = model_folder._load

    def load_while_away(*given):
        folder.rename(tmp_path / "aside")
        return inner(*given)

    monkeypatch.setattr(model_folder, "_load", load_while_away)
    with pytest.raises(BadArtifact, match="cannot be read: No such file"):
        load(folder)


@pytest.mark.parametrize("low", [0.0, 1e-40, 1.0, 4.0])
def test_a_map_of_items_whose_ratings_sum_to_nothing_is_drawn(low):
    """Where all rated everything, what somebody gave above their own mean sums to exactly nothing."""
    board = np.where((np.arange(12)[:, None] + np.arange(8)) % 2, 4.0, low)
    user, item = (grid.ravel() for grid in np.mgrid[:12, :8])
    model = Popularity().fit(Ratings.of(user, item, board.ravel()))
    rows, places = catalogue_map(model, 8)
    assert sorted(rows) == list(range(8))
    assert np.isfinite(places).all()
