"""`cofactor tune`, as a person runs it."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cofactor.data.splitting.split import Split, save_split, split
from cofactor.data.synthetic.generate import generate
from cofactor.evaluation.evaluate import evaluate
from cofactor.experiments.protocols.registry import PROTOCOLS
from cofactor.saved.model_folder import load_manifest
from cofactor.trainers import TRAINERS
from cofactor.trainers.baseline import Baseline
from cofactor.training.fit import fit
from tests.conftest import Run
from tests.service_process import until


@pytest.fixture(scope="module")
def parts() -> Split:
    return split(generate(150, 60, 20, seed=2))


@pytest.fixture
def data(parts: Split, tmp_path: Path) -> Path:
    save_split(parts, tmp_path / "data")
    return tmp_path / "data"


def found(done) -> dict:
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def figures(document: dict) -> list[tuple]:
    return [(one["hyperparameters"], one["state"], one["value"]) for one in document["trials"]]


def test_the_printed_command_trains_to_the_best_that_was_found(run: Run, tmp_path: Path):
    ratings = generate(150, 60, 20, seed=2)
    lines = [f"{u},{i},{v:g}" for u, i, v in zip(ratings.user, ratings.item, ratings.value, strict=True)]
    (tmp_path / "my ratings.csv").write_text("\n".join(["who,what,stars", *lines]) + "\n")
    asked = (
        *("tune", "als", "my ratings.csv", "--column", "user=who,item=what,rating=stars", "--test-share", "0.2"),
        *("--seed", "3", "--patience", "2", "--bias-l2", "0.08", "--range", "rank=2:6", "--trials", "4", "--jobs", "1"),
    )
    told = found(run(*asked, "--json"))
    best, default = told["best"], told["default"]
    assert len(told["trials"]) == 4
    assert told["trials"][0]["hyperparameters"]["rank"] == 32  # the default, outside the range, comes first
    assert all(2 <= one["hyperparameters"]["rank"] <= 6 for one in told["trials"][1:])
    assert best["value"] == min(one["value"] for one in told["trials"] if one["state"] == "done") <= default["value"]
    assert told["test_readings"] == 1
    words = shlex.split(told["command"])
    assert run(*words[1:]).exit_code == 0
    manifest = load_manifest(tmp_path / "models/als-tuned")
    assert {name: manifest["hyperparameters"][name] for name in best["hyperparameters"]} == best["hyperparameters"]
    assert (manifest["hyperparameters"]["bias_l2"], manifest["hyperparameters"]["seed"]) == (0.08, 3)
    assert min(one["validation"] for one in manifest["notes"]["curve"]) == pytest.approx(best["value"], rel=1e-6)
    assert manifest["metrics"]["rmse"] == pytest.approx(
        next(iter(told["test"]["models"].values()))["metrics"]["rmse"], rel=1e-6
    )
    with (tmp_path / "tuning/als/trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["rmse"]) for row in rows if row["rmse"]] == [
        one["value"] for one in told["trials"] if one["value"]
    ]
    assert not (tmp_path / "tuning/als/study.ratings").exists()
    shown = run(*asked, "--resume")
    assert shown.exit_code == 0
    assert told["command"] in shown.stdout
    assert "for the 2nd time in this search" in shown.stdout
    assert "resuming tuning/als/study.db after 4 trials" in shown.stderr


def test_a_search_knows_nothing_of_the_test_part(run: Run, parts: Split, tmp_path: Path):
    other = replace(parts, test=replace(parts.test, value=6 - parts.test.value))
    told = []
    for name, one in (("one", parts), ("other", other)):
        save_split(one, tmp_path / name)
        told.append(found(run("tune", "baseline", name, "--trials", "2", "--jobs", "1", "-o", f"of {name}", "--json")))
    assert figures(told[0]) == figures(told[1])
    assert told[0]["test"]["models"] != told[1]["test"]["models"]


def test_a_killed_search_goes_on_and_ends_as_an_unbroken_one(run: Run, data: Path, tmp_path: Path):
    asked = ["tune", "baseline", str(data), "--trials", "8", "--jobs", "1", "--no-test", "--json"]
    whole = found(run(*asked, "-o", "whole"))
    program = [sys.executable, "-c", "from cofactor.cli import main; main()", *asked, "-o", "broken"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as one:
        lines = iter(one.stderr.readline, "")
        begun = [line for line, _ in zip((line for line in lines if " done " in line), range(2), strict=False)]
        workers = children(one.pid)
        one.send_signal(signal.SIGKILL)
    assert len(begun) == 2
    assert workers
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    again = run(*asked, "-o", "broken", "--resume")
    n_before = int(again.stderr.partition("after ")[2].split()[0])
    assert 2 <= n_before < 8
    assert figures(found(again)) == figures(whole)
    assert (whole["test"], whole["test_readings"]) == (None, 0)


def children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sdv"], "unknown trainer 'sdv'"),
        (["svd", "--ranks", "3"], "No such option"),
        (["svd", "--range", "ranks=1:3"], "no hyperparameter 'ranks'"),
        (["svd", "--rank", "0"], "rank is 0"),
        (["svd", "--trials", "0"], "trials"),
        (["svd", "--minutes", "-1"], "minutes"),
        (["svd", "--minutes", "nan"], "not a finite number"),
        (["svd", "--minutes", "inf"], "not a finite number"),
        (["svd", "--jobs", "0"], "jobs"),
        (["svd", "--sweep", "rank=1,2", "--only", "rank"], "a sweep tries the given values only"),
        (["svd", "--sweep", "rank=1,x"], "rank is 'x'"),
        (["ease", "--sweep", "l2=1,2", "--seeds", "2"], "no hyperparameter 'seed'"),
        (["svd", "--range", "seed=1:3"], "the seed cannot be searched"),
        (["svd", "--fix", "rank=3,seed=1"], "the seed cannot be searched"),
        (["svd", "--seeds", "2"], "--seeds needs a --sweep"),
        (["popularity"], "there is nothing to search"),
        (["svd", "--validation-share", "0"], "no validation ratings to evaluate"),
        (["svd", "--kind", "last", "--inner-folds", "2"], "train on later ratings"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(run: Run, arguments: list[str], said: str):
    trainer, *rest = arguments
    done = run("tune", trainer, *(["synthetic"] if trainer in TRAINERS else []), *rest)
    assert done.exit_code == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("tuning").exists()


def test_another_search_is_not_gone_on_with(run: Run, data: Path):
    asked = ("tune", "baseline", data, "--trials", "2", "--no-test", "--jobs", "1")
    assert run(*asked).exit_code == 0
    again = run(*asked)
    assert (again.exit_code, "add --resume" in again.stderr) == (2, True)
    for more, said in (
        (("--seed", "4"), "seed"),
        (("--range", "user_l2=2:3"), "user_l2"),
        (("--inner-folds", "2"), "judged by"),
        (("--sweep", "user_l2=1,2"), "trainer|item_l2|kind"),
    ):
        refused = run(*asked, "--resume", *more)
        assert refused.exit_code == 2
        assert any(word in refused.stderr for word in said.split("|")), refused.stderr
    assert run("tune", "svd", data, "-o", "tuning/baseline").exit_code == 2


def test_a_sweep_tells_error_and_seconds_of_each_point_over_seeds(run: Run, data: Path):
    asked = ("tune", "als", data, "--sweep", "rank=2,4", "--seeds", "2", "--jobs", "1")
    told = found(run(*asked, "--json"))
    assert [one["hyperparameters"] for one in told["trials"]] == [{"rank": 2}, {"rank": 4}]
    assert all(one["error"] > 0 and one["seconds"] > 0 for one in told["trials"])
    assert told["test"] is None
    assert "--seed" not in told["command"]  # it is that of the split, too
    shown = run(*asked, "--resume")
    assert [line.split()[0] for line in shown.stdout.splitlines()[:3]] == ["rank", "2", "4"]


def test_every_trainer_has_its_share(run: Run, data: Path, monkeypatch: pytest.MonkeyPatch):
    for name in set(TRAINERS) - {"als", "ease"}:
        monkeypatch.delitem(TRAINERS, name)
    told = found(run("tune", "all", data, "--trials", "2", "--jobs", "1", "--json"))
    assert [one["trainer"] for one in told] == ["als", "ease"]
    assert [len(one["trials"]) for one in told] == [2, 2]
    assert set(told[0]["test"]["models"]) == {"als", "ease"}
    shown = run("tune", "--trainer", "all", data, "--trials", "2", "--jobs", "1", "--resume", "--no-test")
    assert all(f"cofactor train {name} " in shown.stdout for name in ("als", "ease"))
    report = json.loads(Path("tuning/all/comparison.json").read_text())
    assert report["models"]["als"]["metrics"]["rmse"] == told[0]["test"]["models"]["als"]["metrics"]["rmse"]
    assert "cofactor compare als=als 'ease=ease --l2 " in report["command"]
    assert all(Path("tuning/all", name).is_file() for name in ("report.html", "als/search.html", "study.db"))
    assert load_manifest(Path("tuning/all/models/ease"))["trainer"] == "ease"


def test_a_protocol_is_searched_on_its_first_split_and_measured_as_it_wants_it(run: Run, real_data: Path):
    asked = ("baseline", "--protocol", "ml-100k-folds", "--data-folder", real_data, "--trials", "2", "--jobs", "1")
    done = run("tune", *asked, "--fix", "item_l2=2", "--json")
    told = found(done)
    assert "searched and tested on u1, the first of 5 splits" in done.stderr
    assert told["data"] == "ml-100k-folds, u1"
    u1 = next(iter(PROTOCOLS["ml-100k-folds"].plan(real_data / "ml-100k").splits()))[1]
    assert told["split"] == u1.fingerprint
    assert told["command"].endswith("-o report/baseline-tuned")
    assert "cofactor compare 'tuned=baseline --item-l2 2" in told["command"].replace("2.0", "2")
    best = Baseline(**{**told["fixed"], **told["best"]["hyperparameters"]})
    model = fit(best, u1, refit=True).model
    measured = evaluate(model, u1.test).metrics["rmse"]  # of a model that learned the validation ratings as well
    assert next(iter(told["test"]["models"].values()))["metrics"]["rmse"] == pytest.approx(measured, rel=1e-6)
    refused = run("tune", *asked, "--kind", "time")
    assert (refused.exit_code, "--kind has no effect with --protocol" in refused.stderr) == (2, True)
