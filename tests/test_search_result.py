"""Search spaces at their bounds, results of searches, and the sentences and tables that show them."""

import math
import multiprocessing
import queue
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import cofactor
from cofactor.data.splitting.split import split
from cofactor.data.synthetic.generate import generate
from cofactor.data.tables.text_table import Paragraph
from cofactor.errors import BadHyperparameter
from cofactor.experiments.tuning import trial_worker
from cofactor.experiments.tuning.result import SearchResult
from cofactor.experiments.tuning.search import Budget, average_seeds, best_trial, find_trial
from cofactor.experiments.tuning.search_space import CategoricalAxis, NumericAxis, SearchSpace, parse_grid
from cofactor.experiments.tuning.session import choose_jobs
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.experiments.tuning.tune_all import search_each, tune_all
from cofactor.report.progress.search_display import SearchDisplay, describe_values
from cofactor.report.text.tuning import describe_search, describe_searches, describe_sweep
from cofactor.trainers.base import Trainer
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.ease import EASE
from cofactor.trainers.knn import KNN
from cofactor.trainers.popularity import Popularity
from cofactor.trainers.svd import SVD

SPACE = SearchSpace.for_trainer(SVD, only=["rank"], fixed={"l2": 0.05})


def trial(number: int, value: float | None, state: Any = "done", **values: Any) -> TrialResult:
    return TrialResult(number, "svd", values or {"rank": 64}, state, value, 0.01, 3, 2.0, 1.0)


def result(*trials: TrialResult, best: int = 0, **changes: Any) -> SearchResult:
    whole = SearchResult(
        space=SPACE,
        data="toy",
        split="0" * 64,
        metric="rmse",
        trials=trials,
        best=trials[best],
        default=trials[0],
        importances={"rank": 1.0},
        ending="trials",
        seconds=9.6,
        sweep=False,
        command="cofactor train …",
    )
    return replace(whole, **changes)


def test_both_ends_of_a_range_belong_to_it() -> None:
    axis = NumericAxis(0.5, 2.0)
    inside, outside = (0.5, 2, 2.0), (0.49, 2.01, "1", None)
    assert [axis.contains(value) for value in (*inside, *outside)] == [True] * 3 + [False] * 4
    assert (NumericAxis(3, 7, integer=True).size, axis.size) == (5, math.inf)
    assert NumericAxis(0.123441, 1).round(0.123442) == 0.123441  # four digits would be 0.1234
    assert NumericAxis(0, 0.123459).round(0.123458) == 0.123459  # and 0.1235
    assert [str(one) for one in (axis, NumericAxis(1, 9, log=True), CategoricalAxis((True, "x")))] == [
        "0.5:2",
        "1:9:log",
        "True:x",
    ]


def test_a_grid_has_every_combination_once_and_a_seed_only_where_there_are_several() -> None:
    values = parse_grid(SVD, ["rank=8,16,8", "epochs=2:4"])
    assert values == {"rank": [8, 16, 8], "n_epochs": [2, 4]}
    grid = SearchSpace.grid(SVD, values, {"rank": 4, "l2": 0.1}, 1)
    assert (grid.size, grid.fixed) == (4, {"l2": 0.1})
    assert grid.axes == {"rank": CategoricalAxis((8, 16)), "n_epochs": CategoricalAxis((2, 4))}
    assert SearchSpace.grid(SVD, values, {"seed": 5}, 2).axes["seed"] == CategoricalAxis((0, 1))
    for wrong in ({"rank": []}, {"rank": [0]}, {"ranks": [8]}):
        with pytest.raises(BadHyperparameter):
            SearchSpace.grid(SVD, wrong, {})
    with pytest.raises(BadHyperparameter, match="l2 is -1"):
        SearchSpace.grid(SVD, values, {"l2": -1.0})


def test_threads_and_device_do_not_make_another_search() -> None:
    spaces = [SearchSpace.for_trainer(SVD, only=["rank"], fixed={"threads": n, "l2": 0.1}).describe() for n in (1, 2)]
    assert spaces[0] == spaces[1] == {"rank": str(SPACE.axes["rank"]), "l2": 0.1}


def test_of_equal_trials_the_first_is_the_best_and_only_finished_ones_count() -> None:
    trials = [trial(0, 0.9), trial(1, 0.8), trial(2, 0.8), trial(3, 0.1, "pruned"), trial(4, None, "failed")]
    assert best_trial(trials, "rmse") is trials[1]
    assert best_trial(trials, "ndcg@10") is trials[0]
    assert best_trial(trials[3:], "rmse") is None
    assert find_trial([trial(0, 1.0, "pruned", rank=4), trial(1, 1.0, rank=4)], {"rank": 4}).number == 1  # type: ignore[union-attr]
    assert find_trial(trials, {"rank": 5}) is None


def test_a_failed_seed_does_not_count_in_the_mean() -> None:
    some = [trial(0, 1.0, rank=8, seed=0), trial(1, None, "failed", rank=8, seed=1), trial(2, 1.2, rank=8, seed=2)]
    (mean,) = average_seeds(some)
    assert (mean.value, mean.error) == (pytest.approx(1.1), pytest.approx(0.1))
    (single,) = average_seeds(some[:2])
    assert (single.value, single.error, single.hyperparameters) == (1.0, 0.01, {"rank": 8})
    assert average_seeds(some[1:2])[0].state == "failed"


def test_the_time_of_a_budget_runs() -> None:
    assert Budget().left == math.inf
    budget = Budget(seconds=10)
    budget.started -= 4
    assert budget.left == pytest.approx(6, abs=0.5)


def test_the_final_trainers_are_the_best_and_the_defaults() -> None:
    better = result(trial(0, 0.9), trial(1, 0.8, rank=16), best=1)
    assert better.final_trainers == {"tuned": SVD(rank=16, l2=0.05), "default": SVD(l2=0.05)}
    assert result(trial(0, 0.9)).final_trainers == {"default": SVD(l2=0.05)}
    sweep = result(*(trial(n, 0.9, rank=8, seed=n) for n in range(3)), sweep=True)
    assert (sweep.n_seeds, len(sweep.history.trials), sweep.history.seeds) == (3, 1, 3)
    assert better.as_dict()["searched"] == {"rank": str(SPACE.axes["rank"])}
    assert better.as_dict()["test"] is None


def as_text(paragraphs: list[Paragraph]) -> str:
    return "\n".join(map(str, paragraphs))


def test_the_text_says_where_nothing_was_better() -> None:
    shown = as_text(describe_search(result(trial(0, 0.9), trial(1, 0.95, rank=16))))
    assert "Nothing was better than the defaults." in shown
    assert "2 trials (2 done) in 10 s: all trials are done." in shown
    better = result(trial(0, 0.9), trial(1, 0.8, rank=16), trial(2, None, "failed"), best=1, ending="time")
    shown = as_text(describe_search(better))
    assert "Train with the best:" in shown
    assert "3 trials (2 done, 1 failed) in 10 s: the time is up." in shown
    assert "validation RMSE    0.9000  0.8000" in shown
    assert "Train with the best:" in as_text(describe_search(result(trial(0, 0.9), default=None)))


def test_the_table_of_all_trainers_is_in_the_order_of_their_metric() -> None:
    rmse = [
        result(trial(0, value), space=replace(SPACE, trainer=kind)) for value, kind in ((0.9, SVD), (0.8, Baseline))
    ]
    lists = [replace(one, metric="ndcg@10") for one in rmse]
    shown = as_text(describe_searches([*rmse, *lists]))
    lines = [line.split()[0] for line in shown.splitlines() if line[:3] in ("svd", "bas")]
    assert lines == ["baseline", "svd", "svd", "baseline"]


def test_a_sweep_shows_each_point_once() -> None:
    axes = {"rank": CategoricalAxis((8,)), "seed": CategoricalAxis((0, 1))}
    some = [trial(n, 0.9 + n / 10, rank=8, seed=n) for n in range(2)]
    sweep = result(*some, space=SearchSpace(SVD, axes, {}), sweep=True, ending="swept")
    lines = as_text(describe_sweep(sweep)).splitlines()
    assert "± error over seeds" in lines[0]
    assert lines[1].split()[:3] == ["8", "0.9500", "0.0500"]
    assert describe_values({"rank": 8, "l2": 0.050001, "tied": True}) == "rank=8 l2=0.050001 tied=True"


def test_trainers_are_searched_in_turn_with_equal_shares_of_the_time_that_is_left() -> None:
    shares: dict[str, float] = {}

    def search(space: SearchSpace, share: float) -> SearchResult:
        shares[space.trainer.name] = share
        if space.trainer is EASE:
            raise BadHyperparameter("all trials failed", "")
        return result(trial(0, 0.9), space=space, ending="interrupted" if space.trainer is KNN else "time")

    found = list(search_each([SVD, EASE, KNN, Baseline], 3, search))
    assert [(one.name, type(end)) for one, end in found] == [
        ("svd", SearchResult), ("ease", BadHyperparameter), ("knn", SearchResult)
    ]  # fmt: skip
    assert shares == {"svd": 1 / 4, "ease": 1 / 3, "knn": 1 / 2}, "an interruption ends all searches"
    assert isinstance(found[0][1], SearchResult)
    assert found[0][1].space.fixed == {"seed": 3}


def test_without_a_search_range_no_trainer_is_tuned() -> None:
    with pytest.raises(BadHyperparameter, match="no trainer has a search range"):
        tune_all([Popularity], split(generate(20, 10, 5)))


def test_the_seed_is_fixed_unless_it_varies_or_the_trainer_has_none() -> None:
    assert SPACE.with_seed(3).fixed == {"seed": 3, "l2": 0.05}
    assert SPACE.with_seed(3).with_seed(4).fixed["seed"] == 3
    grid = SearchSpace.grid(SVD, {"rank": [2, 4]}, {}, n_seeds=2)
    assert grid.with_seed(3) is grid
    assert SearchSpace.for_trainer(EASE).with_seed(3).fixed == {}


def test_trainings_on_a_gpu_do_not_run_in_parallel_unless_asked_for() -> None:
    on_gpu = replace(SPACE, fixed={"device": "cuda"})
    assert [choose_jobs(space, jobs) for space in (SPACE, on_gpu) for jobs in (None, 4)] == [None, 4, 1, 4]


def test_the_display_of_a_search_writes_a_line_for_each_trial_away_from_a_terminal() -> None:
    console = Console(file=StringIO(), width=100)
    display = SearchDisplay(console)
    study = SimpleNamespace(space=SPACE, metric="rmse", trials=[])
    display.on_search_start(study, Budget())  # type: ignore[arg-type]
    display.on_end(trial(0, 0.9), True, "")
    display.on_end(trial(1, None, "failed", rank=16), False, "out of memory")
    display.on_search_end()
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert [line.split() for line in lines] == [
        ["0", "done", "RMSE", "0.9000*", "2.0", "s", "defaults"],
        ["1", "failed", "2.0", "s", "rank=16", "out", "of", "memory"],
    ]


# ---- a worker process, run here ----------------------------------------------------------------------------------


def run_trial(
    hyperparameters: Mapping[str, Any], *replies: bool, trainer: str = "svd", n: int = 60
) -> list[dict[str, Any]]:
    """The messages of a worker about one trial, on few ratings."""
    ratings = generate(20, 15, 5, seed=1)
    pair = ratings.where(np.arange(len(ratings)) < n), ratings.where(np.arange(len(ratings)) >= n)
    ours, theirs = multiprocessing.Pipe()
    answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for reply in replies:
        answers.put({"go_on": reply})
    task = {"trainer": trainer, "hyperparameters": dict(hyperparameters), "patience": 3}
    trial_worker._warm_up(task, pair)
    trial_worker.send(theirs, trial_worker._run_trial(theirs, answers, task, [pair]))
    messages = []
    while ours.poll():
        messages.append(trial_worker.receive(ours))
    ours.close()
    theirs.close()
    return messages


def test_a_search_over_fewer_ratings_than_the_warm_up_takes() -> None:
    *steps, last = run_trial({"rank": 2, "n_epochs": 10}, *[True] * 9)
    assert [one["step"] for one in steps] == list(range(1, 10))
    assert (last["judged"]["metric"], last["judged"]["pruned"]) == ("rmse", False)
    *steps, last = run_trial({"rank": 2, "n_epochs": 10}, True, False)
    assert (len(steps), last["judged"]["pruned"]) == (2, True)


def test_a_worker_tells_a_failed_trial_from_wrong_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "rank is 0" in run_trial({"rank": 0})[-1]["failed"]
    assert "wrong" in run_trial({"rank": 2}, n=0)[-1]

    def raising(error: Exception) -> Any:
        def epochs(self: Trainer, ratings: Any, **more: Any) -> Any:
            raise error

        return epochs

    monkeypatch.setattr(Baseline, "epochs", raising(MemoryError()))
    assert run_trial({}, trainer="baseline")[-1] == {"failed": "not enough memory"}
    monkeypatch.setattr(Baseline, "epochs", raising(RuntimeError("an\nodd  end")))
    assert run_trial({}, trainer="baseline")[-1] == {"failed": "RuntimeError: an odd end"}


def test_tune_searches_from_python(tmp_path: Path) -> None:
    parts = split(generate(60, 30, 10, seed=2), seed=1)
    space = SearchSpace.for_trainer(Baseline, only=["user_l2"])
    found = cofactor.tune(space, parts, trials=2, jobs=1, folder=tmp_path)
    assert [one.state for one in found.trials] == ["done", "done"]
    assert found.trials[0].hyperparameters == {"user_l2": Baseline().user_l2}
    assert found.test is not None
    assert (found.test_readings, found.ending, found.command) == (1, "trials", "")
    model = found.trainer.fit(parts.train, parts.validation)
    name = next(iter(found.test.metrics))
    assert found.test.metrics[name]["rmse"] == pytest.approx(cofactor.evaluate(model, parts.test).metrics["rmse"])
    assert (tmp_path / "study.db").is_file()
    assert not (tmp_path / "study.ratings").exists()


def test_several_trainers_are_searched_from_python_and_their_best_compared(tmp_path: Path) -> None:
    parts = split(generate(60, 40, 12, seed=1), seed=0)
    (only,) = tune_all([Popularity, Baseline], parts, trials=1, jobs=1, seed=4, folder=tmp_path)
    assert (only.space.trainer, len(only.history.trials), only.test_readings) == (Baseline, 1, 1)
    assert only.test is not None
    assert set(only.test.metrics) == {"baseline"}
