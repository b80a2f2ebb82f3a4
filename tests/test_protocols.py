"""The published protocols, and what `benchmarks/` makes of them: choices, records, tables, names in a picture."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import protocols, results
from cofactor.data.ratings import Ratings
from cofactor.data.read import read
from cofactor.data.split import Split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData
from cofactor.models.base import Model
from cofactor.models.factor import FactorModel
from cofactor.trainers import TRAINERS
from tests.toys import checkerboard

BENCHMARKS = Path(protocols.__file__).parent


def scoring(train: Ratings, scores: np.ndarray) -> Model:
    """A model that ranks by the given (n_users, n_items) scores."""
    n_users, n_items = scores.shape
    zeros = np.zeros(n_users, np.float32), np.zeros(n_items, np.float32)
    vectors = scores.astype(np.float32), np.eye(n_items, dtype=np.float32)
    return FactorModel(train.catalog, None, 0.0, *zeros, *vectors, 0.0, 0.0)


def one_of_each(train: Ratings, test: Ratings, negatives: np.ndarray) -> protocols.Sampled:
    parts = Split(train, train.where(slice(0, 0)), test, "toy")
    return protocols.Sampled(parts, "sampled ndcg@10", negatives)


def test_sampled_figures_of_known_ranks() -> None:
    n_items = 13
    everything = Ratings.of([*"aabbcc"], ["0", "1"] * 3, [1.0] * 6)
    items = Vocabulary(np.arange(n_items).astype(str).astype(object), "item")
    everything = replace(everything, items=items)
    train, test = everything.where(everything.item == 0), everything.where(everything.item == 1)
    scores = np.tile(np.arange(n_items, dtype=float), (3, 1))
    scores[0, 1] = 11.0  # below item 12, level with item 11: third
    scores[1, 1] = 99.0  # first, but for the test item among its own negatives, which is level with itself
    negatives = np.tile(np.arange(2, n_items), (3, 1))  # user c's test item scores 1 and is the last of twelve
    negatives[1, 0] = 1
    task = one_of_each(train, test, negatives)
    model = scoring(train, scores)
    np.testing.assert_array_equal(protocols.sampled_ranks(model, task.test, negatives), [3, 2, 12])
    figures = task.figures(model)
    assert figures["sampled hr@10"] == pytest.approx(2 / 3)
    assert figures["sampled ndcg@10"] == pytest.approx((1 / np.log2(4) + 1 / np.log2(3)) / 3)
    assert figures["distinct ndcg@10"] == pytest.approx((1 / np.log2(4) + 1) / 3)


def test_a_model_that_knows_nothing_gains_nothing_from_ties() -> None:
    train, test = checkerboard(20, 20)
    last = test.where(np.unique(test.user, return_index=True)[1])
    negatives = np.tile(np.arange(12), (len(last), 1))
    ranks = protocols.sampled_ranks(scoring(train, np.zeros((20, 20))), last, negatives)
    assert (ranks == 13).all()


def test_choosing_inside_a_sampled_protocol_touches_nothing_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = checkerboard(40, 40)
    first = test.where(np.unique(test.user, return_index=True)[1])
    monkeypatch.setattr(protocols.Sampled, "N_NEGATIVES", 5)
    task = one_of_each(train, first, np.zeros((len(first), 5), dtype=np.int32))
    inner = task.inner(seed=3)
    outside, inside = train.by_user().toarray() != 0, inner.train.by_user().toarray() != 0
    held_out = inner.test.by_user().toarray() != 0
    np.testing.assert_array_equal(held_out.sum(axis=1), 1)
    np.testing.assert_array_equal(inside | held_out, outside)
    assert not outside[inner.test.user[:, None], inner.negatives].any()  # also drawn for their own user
    assert all(len(set(row)) == 5 for row in inner.negatives.tolist())
    again = task.inner(seed=3)
    np.testing.assert_array_equal(inner.negatives, again.negatives)
    assert inner.split.fingerprint == again.split.fingerprint != task.inner(seed=4).split.fingerprint


def test_choosing_inside_train_holds_out_a_tenth_of_it() -> None:
    train, test = checkerboard()
    task = protocols.Rating(Split(train, train.where(slice(0, 0)), test, "toy"), "rmse")
    inner = task.inner()
    assert len(inner.test) == len(train) // 10
    cells = inner.train.by_user().toarray() + inner.test.by_user().toarray()
    np.testing.assert_array_equal(cells, train.by_user().toarray())
    assert isinstance(inner, protocols.Rating)
    assert inner.better(0.8, 0.9)
    assert not replace(task, judged_by="ndcg@10").better(0.8, 0.9)


def test_a_model_that_only_ranks_is_no_answer_to_a_protocol_of_ratings() -> None:
    train, test = checkerboard()
    task = protocols.Rating(Split(train, train.where(slice(0, 0)), test, "toy"), "rmse")
    with pytest.raises(BadData, match="only ranks"):
        task.figures(TRAINERS["popularity"]().fit(train))


def test_files_that_are_not_those_of_the_protocol_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "gowalla").mkdir()
    for part, text in (("train", "0 1 2\n1 0\n"), ("test", "0 0\n1 2 1\n")):
        (tmp_path / "gowalla" / f"{part}.txt").write_text(text)
    with pytest.raises(BadData, match="gowalla: 2 users, not 29,858"):
        protocols.gowalla(tmp_path)


def test_ml_1m_is_split_as_published(real_data: Path) -> None:
    task = protocols.PROTOCOLS["ml-1m/1"](real_data)
    lines = (real_data / "ml-1m" / "ratings_no_timestamps.csv").read_text().splitlines()[1:]
    expected = {lines[row] for row in np.random.default_rng(1).permutation(len(lines))[-(len(lines) // 10) :].tolist()}
    found = task.test
    columns = found.users.ids[found.user], found.items.ids[found.item], found.value.astype(int).tolist()
    assert {f"{user},{item},{value}" for user, item, value in zip(*columns, strict=True)} == expected


def test_ml_1m_top_n_holds_out_a_fifth_of_each_user(real_data: Path) -> None:
    task = protocols.PROTOCOLS["ml-1m-top-n/0"](real_data)
    held_out, kept = (np.bincount(part.user, minlength=6040) for part in (task.test, task.train))
    assert np.abs(held_out - (held_out + kept) / 5).max() <= 0.5
    assert set(task.train.value.tolist()) == {1.0}


def test_ncf_and_gowalla_by_the_most_popular(real_data: Path) -> None:
    """NCF's items carry MovieLens' ids, and its paper's figure of popularity comes out; all of Gowalla is read."""
    ncf = protocols.PROTOCOLS["ncf"](real_data)
    whole = read(real_data / "ml-1m")
    assert ncf.train.users == whole.users
    assert ncf.train.items == whole.items
    rated = np.zeros((len(whole.users), len(whole.items)), dtype=np.int8)
    for sign, part in ((1, whole), (-1, ncf.train), (-1, ncf.test)):
        rated[part.user, part.item] += sign
    assert not rated.any()
    figures = ncf.figures(TRAINERS["popularity"]().fit(ncf.train))
    assert figures["distinct hr@10"] == pytest.approx(0.453, abs=0.001)
    assert figures["distinct ndcg@10"] == pytest.approx(0.254, abs=0.001)
    assert figures["sampled hr@10"] < figures["distinct hr@10"]
    gowalla = protocols.PROTOCOLS["gowalla"](real_data)
    assert (len(gowalla.train), len(gowalla.test)) == (810_128, 217_242)


def test_results_are_kept_as_they_come_and_replaced_when_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "build" / "results.json"
    kept = results.Results(path)
    one = {"stage": "test", "protocol": "gowalla", "entry": "x", "seed": 0, "options": {"rank": 2}, "cpu": 1.0}
    kept.add(one)
    assert results.Results(path).found({**one, "cpu": 9.0}) == one
    assert kept.found({**one, "options": {"rank": 3}}) is None
    results.Results(path).add({**one, "seed": 1})  # by another run at the same time
    kept.add({**one, "options": {"rank": 3}})
    assert [r["options"]["rank"] for r in results.Results(path).records if r["seed"] == 0] == [3]
    assert len(results.Results(path).records) == 2
    for rank in (2, 3):  # candidates stand side by side
        kept.add({**one, "stage": "choose", "options": {"rank": rank}})
    assert len(results.Results(path).records) == 4


def record(protocol: str, entry: str, seed: int, rmse: float, **more: object) -> dict:
    plain = {"stage": "test", "system": "cofactor", "options": {"seed": seed}, "mae": 0.7, "cpu": 1.0, "wall": 2.0}
    return {**plain, "protocol": protocol, "entry": entry, "seed": seed, "rmse": rmse, **more}


def test_tables_are_means_over_runs_the_best_first_and_whole() -> None:
    records = [record(f"ml-1m/{s}", "worse", s, 0.9 + s / 100, cpu=float(s)) for s in range(3)]
    records += [record(f"ml-1m/{s}", "better", s, 0.8) for s in range(3)]
    records += [record("ml-1m/0", "half done", 0, 0.7), record("ml-1m/0", "better", 0, 0.1, stage="choose")]
    lines = results.lines_of(records, "ML-1M, 90/10")
    assert [one.entry for one in lines] == ["better", "worse"]
    assert lines[1].figures["rmse"] == pytest.approx((0.91, np.std([0.9, 0.91, 0.92])))
    assert (lines[1].cpu, lines[1].wall, lines[1].options) == (1.0, 2.0, [{}])
    assert "| **worse** | 0.9100 ± 0.0082 | 0.7000 ± 0.0000 | 1 | 2 |" in results.markdown(lines, ("rmse", "mae"))


def test_a_mean_over_folds_counts_each_fold_once() -> None:
    folds = [record(f"ml-100k/u{fold}", "x", 0, fold / 10) for fold in range(1, 6)]
    more = [record("ml-100k/u1", "x", seed, 9.0) for seed in (1, 2)]
    (line,) = results.lines_of(folds + more, "ML-100K, mean of u1 … u5")
    assert line.figures["rmse"][0] == pytest.approx(0.3)
    (u1,) = results.lines_of(folds + more, "ML-100K, u1")
    assert u1.runs == 3


def script(name: str, *arguments: object) -> str:
    environment = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    command = [sys.executable, BENCHMARKS / name, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_from_a_fit_to_a_table_and_a_picture(real_data: Path, tmp_path: Path) -> None:
    """An entry is fitted in a process of its own, found again the next time, and drawn."""
    kept = tmp_path / "ratings.json"
    asked = ("--data", real_data, "--json", kept, "--protocol", "ml-100k/u1", "--only", "baseline")
    first = script("ratings.py", *asked)
    assert "test ml-100k/u1, baseline" in first
    (measured,) = json.loads(kept.read_text())["records"]
    assert measured["rmse"] == pytest.approx(0.9536, abs=2e-4)
    assert 0 < measured["cpu"] < 5
    assert "test ml-100k/u1, baseline" not in script("ratings.py", *asked)
    told = script("table.py", kept, "--picture", tmp_path / "models", "--panels", "ML-100K, u1")
    assert "| **baseline** | 0.9536 |" in told
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")
    assert "<dc:title>Accuracy against seconds: ML-100K, u1<" in (tmp_path / "models.svg").read_text()
