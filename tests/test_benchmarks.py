"""What `benchmarks/` makes of the protocols: choices, records, tables, names in a picture."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import results, tasks
from cofactor.data.splitting.split import Split, split
from cofactor.errors import BadData
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.evaluate import evaluate
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.protocols.registry import PROTOCOLS
from cofactor.experiments.protocols.sampled_evaluators import random_negatives
from cofactor.trainers import TRAINERS
from tests.toys import checkerboard, noise

BENCHMARKS = Path(tasks.__file__).parent


def task(parts: Split, protocol: str) -> tasks.Task:
    one = PROTOCOLS[protocol]
    measured = random_negatives(5, 0) if one.negatives else None
    return tasks.Task(
        EvaluationPlan(one.name, lambda: iter([]), 1, one.k, evaluator=measured, metrics=one.metrics), parts
    )


def test_choosing_inside_train_holds_out_a_tenth_of_it() -> None:
    train, test = checkerboard()
    whole = task(Split(train, train.where([]), test, "toy"), "ml-100k-u1")
    inner = whole.inner()
    assert len(inner.test) == len(train) // 10
    cells = inner.train.by_user().toarray() + inner.test.by_user().toarray()
    np.testing.assert_array_equal(cells, train.by_user().toarray())
    assert inner.judged_by == "rmse"
    assert inner.better(0.8, 0.9)
    assert not task(inner.split, "ml-1m-top-n").better(0.8, 0.9)
    assert set(inner.figures(TRAINERS["baseline"]().fit(inner.train))) == {"rmse", "mae"}


def test_choosing_inside_a_sampled_protocol_touches_nothing_of_the_test() -> None:
    whole = task(split(noise(), "one", validation=0), "ncf-ml-1m")
    inner, again = whole.inner(seed=3), whole.inner(seed=3)
    outside, inside = whole.train.by_user().toarray() != 0, inner.train.by_user().toarray() != 0
    held_out = inner.test.by_user().toarray() != 0
    np.testing.assert_array_equal(held_out.sum(axis=1), outside.sum(axis=1) >= 2)
    np.testing.assert_array_equal(inside | held_out, outside)
    assert inner.split.fingerprint == again.split.fingerprint != whole.inner(seed=4).split.fingerprint
    models = [TRAINERS["popularity"]().fit(one.train) for one in (inner, again)]
    assert inner.figures(models[0]) == again.figures(models[1])
    assert set(inner.figures(models[0])) == {"sampled_ndcg@10", "sampled_hit_rate@10"}


def test_a_model_that_only_ranks_is_no_answer_to_a_protocol_of_ratings() -> None:
    train, test = checkerboard()
    whole = task(Split(train, train.where([]), test, "toy"), "ml-100k-u1")
    with pytest.raises(BadData, match="only ranks"):
        whole.figures(TRAINERS["popularity"]().fit(train))


def test_tables_stand_in_their_page_with_others_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a comparison to the page: sorted by the first metric, old sections replaced, others left where they were."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    protocols = importlib.import_module("protocols")
    parts = split(noise(), validation=0, test=0.2)
    models = {name: TRAINERS[name]().fit(parts.train) for name in ("baseline", "popularity")}
    document = compare_reports({name: [evaluate(model, parts.test)] for name, model in models.items()}).as_dict()
    text = protocols.section(PROTOCOLS["ml-100k-u1"], document, "cofactor compare all")
    figures = document["models"]["baseline"]
    rmse, error = figures["metrics"]["rmse"], figures["standard_errors"]["rmse"]
    assert f"| **baseline** | {rmse:.4f} ± {error:.4f} |" in text
    assert "popularity" not in text  # it predicts no ratings
    assert "| SVD++ | 0.933 | 0.733 | 8.3 | measured here: Surprise 1.1.5 |" in text
    lines = [line for line in text.splitlines() if line.startswith("| ")][2:]
    column = [float(line.split("|")[2].split("±")[0]) for line in lines]
    assert column == sorted(column)
    assert len(column) == 1 + len(PROTOCOLS["ml-100k-u1"].published)
    page = f"before\n\n{protocols.BEGIN}{protocols.END}\n\nafter\n"
    for name, said in (("gowalla", "first"), ("ml-100k-u1", "second"), ("gowalla", "third")):
        page = protocols.put(page, name, f"### {name}\n\n{said}")
    inside = f"{protocols.BEGIN}\n### ml-100k-u1\n\nsecond\n\n### gowalla\n\nthird\n\n{protocols.END}"
    assert page == f"before\n\n{inside}\n\nafter\n"
    with pytest.raises(SystemExit, match="no section between"):
        protocols.put("a page", "gowalla", "text")


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
    told = script("results_tables.py", kept, "--picture", tmp_path / "models", "--panels", "ML-100K, u1")
    assert "| **baseline** | 0.9536 |" in told
    assert (tmp_path / "models.png").read_bytes().startswith(b"\x89PNG")
    assert "<dc:title>Accuracy against seconds: ML-100K, u1<" in (tmp_path / "models.svg").read_text()
