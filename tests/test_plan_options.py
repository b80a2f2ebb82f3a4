"""The options that say which splits an experiment is done on, and the protocols by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from cofactor.cli.options.data_argument import reading_options, source_from_options
from cofactor.cli.options.plan import make_plan, plan_options
from cofactor.cli.options.split import split_options, take_recipe
from cofactor.cli.terminal import messages
from cofactor.data.splitting.split import folds, load_split, split
from cofactor.data.splitting.time_windows import rolling_windows
from cofactor.errors import CofactorError
from cofactor.evaluation.sampled_evaluation import SampledReport
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.protocols.registry import PROTOCOLS
from cofactor.trainers import TRAINERS
from tests.conftest import Run

Planned = Callable[..., EvaluationPlan]


@click.command()
@click.argument("data", default="synthetic")
@click.option("--seed", type=int, default=0)
@split_options
@plan_options
@reading_options
def planned(data: str, **options: Any) -> EvaluationPlan:
    recipe = take_recipe(options)
    source = source_from_options(data, options)
    plan = make_plan(source, recipe, options, messages(quiet=True))
    assert not options, "every option was taken"
    return plan


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planned:
    """The plan of a command line, in a folder with a small dated table of ratings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COFACTOR_DATA", str(tmp_path / "data"))
    random = np.random.default_rng(0)
    cells = random.permutation(20 * 30)[:240]
    times = 978_307_200 + 86_400 * random.integers(0, 300, 240)  # from 2001-01-01 on
    rows = [
        f"{cell // 30},{cell % 30},{value},{time}"
        for cell, value, time in zip(cells, random.integers(1, 6, 240), times, strict=True)
    ]
    (tmp_path / "r.csv").write_text("user,item,rating,timestamp\n" + "\n".join(rows) + "\n")
    return lambda *arguments: planned.main([str(one) for one in arguments], standalone_mode=False)


def read(path: str = "r.csv") -> Any:
    from cofactor.data.reading.read import read

    return read(Path(path))


def prints(found: EvaluationPlan) -> dict[str, str]:
    return {name: one.fingerprint for name, one in found.splits()}


def test_folds_and_windows_are_those_of_the_data(plan: Planned) -> None:
    found = plan("r.csv", "--folds", 3, "--seed", 7, "--validation-share", 0.2)
    expected = [one.fingerprint for one in folds(read(), 3, seed=7, validation=0.2)]
    assert prints(found) == dict(zip(["fold-1", "fold-2", "fold-3"], expected, strict=True))
    assert prints(found) == prints(found), "a plan can be gone through again"
    assert (found.name, found.n_splits) == ("r.csv, 3 folds", 3)
    repeated = plan("r.csv", "--folds", 3, "--repeats", 2, "--seed", 7, "--validation-share", 0.2)
    assert list(prints(repeated).values())[:3] == expected
    assert list(prints(repeated))[3:] == [f"repeat-2-fold-{fold}" for fold in (1, 2, 3)]
    assert len(set(prints(repeated).values())) == repeated.n_splits == 6
    found = plan("r.csv", "--windows", 3, "--test-share", 0.2)
    assert list(prints(found).values()) == [one.fingerprint for one in rolling_windows(read(), 3, test=0.2)]
    assert list(prints(found)) == ["window-1", "window-2", "window-3"]


@pytest.mark.parametrize("kind", ["random", "per-user", "time", "last", "one"])
def test_one_split_is_made_as_for_training(plan: Planned, kind: str) -> None:
    found = plan("r.csv", "--kind", kind, "--seed", 3)
    assert prints(found) == {kind: split(read(), kind, seed=3).fingerprint}  # type: ignore[arg-type]
    shares = {"test": 0.1, "validation": 0.1, "cut": None}
    assert found.recipe == {"kind": kind, "seed": 3, **shares, "min_ratings": 1, "min_raters": 1}
    assert not found.refit


def test_a_cut_is_a_date_or_seconds(plan: Planned) -> None:
    by = {cut: plan("r.csv", "--cut", cut) for cut in ("2001-09-01", "999302400", "2001-09-01T02:00+02:00")}
    ((name, one),) = by["2001-09-01"].splits()
    assert name == "cut 2001-09-01"
    assert one.test.time is not None
    assert one.train.time is not None
    assert one.train.time.max() < 999_302_400 <= one.test.time.min()
    assert len({tuple(prints(found).values()) for found in by.values()}) == 1
    assert by["2001-09-01"].recipe is not None
    assert by["2001-09-01"].recipe["cut"] == 999_302_400


def test_a_model_is_measured_on_the_cut_that_it_was_trained_on(plan: Planned, run: Run, tmp_path: Path) -> None:
    assert run("train", "baseline", "r.csv", "--cut", "2001-09-01").exit_code == 0
    done = run("evaluate", "models/baseline", "r.csv", "--json")
    assert done.exit_code == 0, done.stderr
    ((_, one),) = plan("r.csv", "--cut", "2001-09-01").splits()
    assert json.loads(done.stdout)["counts"]["ratings"] == len(one.test)


def test_a_folder_of_splits_is_a_plan(plan: Planned, run: Run) -> None:
    assert run("split", "r.csv", "--folds", "11", "-o", "folds").exit_code == 0
    found = plan("folds")
    assert list(prints(found)) == [f"fold-{fold}" for fold in range(1, 12)]
    one = plan("folds/fold-11")
    assert prints(one) == {"fold 11 of 11": prints(found)["fold-11"]}
    assert (one.recipe, found.recipe) == (None, None)


def test_sampled_negatives_are_drawn_or_given(plan: Planned, tmp_path: Path) -> None:
    found = plan("r.csv", "--kind", "last", "--sampled", 9)
    ((_, parts),) = found.splits()
    model = TRAINERS["popularity"]().fit(parts.train)
    report = found.evaluate(model, parts)
    assert isinstance(report, SampledReport)
    assert report.counts["negatives"] == 9
    assert set(report.metrics) == {"sampled_hit_rate@10", "sampled_ndcg@10"}
    users, items = parts.test.users.ids[parts.test.user], parts.test.items.ids[parts.test.item]
    first = parts.test.items.ids[[item for item in range(30) if str(item) not in items][:1]]
    lines = [f"({user},{item})\t{first[0] if len(first) else 0}" for user, item in zip(users, items, strict=True)]
    (tmp_path / "n.negative").write_text("\n".join(lines))
    found = plan("r.csv", "--kind", "last", "--negatives", "n.negative")
    assert found.evaluate(model, parts).counts["negatives"] == 1


def test_a_protocol_finds_its_data(plan: Planned, real_data: Path) -> None:
    found = plan("--protocol", "ml-100k-folds", "--data-folder", real_data)
    assert (found.name, found.n_splits, found.refit) == ("ml-100k-folds", 5, True)
    named = plan(real_data / "ml-100k", "--protocol", "ml-100k-u1")
    assert list(prints(named)) == ["u1"]
    assert next(found.splits())[1].fingerprint == prints(named)["u1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--folds", 3, "--windows", 2], "one of --folds and --windows"),
        (["--protocol", "gowalla", "--folds", 3], "one of --protocol and --folds"),
        (["--repeats", 2], "--repeats needs --folds"),
        (["--sampled", 5, "--negatives", "x"], "one of --sampled and --negatives"),
        (["--folds", 3, "--kind", "time"], "--kind has no effect with --folds"),
        (["--windows", 3, "--cut", 5], "--cut has no effect with --windows"),
        (["--protocol", "gowalla", "--sampled", 5], "--sampled has no effect with --protocol"),
        (["--cut", "2001-09-01", "--kind", "time"], "--kind has no effect with --cut"),
        (["--cut", "tomorrow"], "'tomorrow' is neither a date"),
        (["--protocol", "gowala"], "unknown protocol 'gowala'"),
        (["--protocol", "gowalla"], "gowalla is not in"),
        (["--windows", 10], "leave nothing to train the first on"),
        (["--cut", "1990-01-01"], "the train part is empty"),
        (["--sampled", 5, "--kind", "last", "--negatives", "n"], "one of --sampled"),
    ],
)
def test_what_contradicts_itself_is_said(plan: Planned, arguments: list[Any], said: str) -> None:
    data = [] if arguments[0] == "--protocol" else ["r.csv"]
    with pytest.raises((click.UsageError, CofactorError), match=said):
        prints(plan(*data, *arguments))


def test_protocols_are_listed(run: Run) -> None:
    done = run("protocols")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == list(PROTOCOLS)
    assert [one["name"] for one in json.loads(run("protocols", "--json").stdout)["protocols"]] == list(PROTOCOLS)
    one = json.loads(run("protocols", "ncf-ml-1m", "--json").stdout)
    assert one["metrics"] == ["sampled_ndcg@10", "sampled_hit_rate@10"]
    assert one["sampled"] is True
    text = run("protocols", "gowalla").stdout
    assert "810,128 train" in text
    assert "0.1830" in text
    done = run("protocols", "golla")
    assert (done.exit_code, "gowalla" in done.stderr) == (2, True)


def test_several_splits_are_saved_a_folder_each(run: Run, real_data: Path, tmp_path: Path) -> None:
    done = run("split", "--protocol", "ml-100k-u1", "--data-folder", real_data, "-o", "u1", "--json")
    (said,) = json.loads(done.stdout)["splits"]
    assert load_split(tmp_path / "u1").fingerprint == said["fingerprint"]
    done = run("split", real_data / "ml-100k", "--windows", "2", "--json")
    made = json.loads(done.stdout)["splits"]
    assert [one["folder"] for one in made] == ["splits/ml-100k/window-1", "splits/ml-100k/window-2"]
    assert [one["test"] for one in made] == [10_001, 10_000]  # a window begins where the time changes
