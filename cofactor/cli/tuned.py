"""What a search found: the best beside the defaults, the command that trains with it, and what the test part says."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console

from cofactor.cli.display.terminal import drawing, waiting
from cofactor.cli.options.train_command import compare_command
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.tuning.search import Ending, average_seeds
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.trial import TrialHistory, TrialResult
from cofactor.trainers.base import Trainer

if TYPE_CHECKING:
    from cofactor.cli.searching import Searching
    from cofactor.evaluation.comparison import Comparison

TUNED, DEFAULT = "tuned", "default"


@dataclass(frozen=True, eq=False)
class Found:
    """The end of a search, or of a sweep."""

    space: SearchSpace
    data: str
    split: str
    metric: str
    trials: list[TrialResult]
    best: TrialResult
    default: TrialResult | None  # None where the defaults failed, and in a sweep that leaves them out
    importances: Mapping[str, float]
    command: str
    ending: Ending
    seconds: float
    sweep: bool
    test: "Comparison | None" = None
    readings: int = 0  # of the test part, in this search

    @property
    def search(self) -> TrialHistory:
        """As a report draws it."""
        trials, seeds = self.trials, self.seeds if self.sweep else 1
        if seeds > 1:
            trials = [replace(one, number=number) for number, one in enumerate(average_seeds(trials))]
        name = self.space.trainer.name
        return TrialHistory(name, self.data, self.metric, tuple(trials), self.importances, self.command, seeds)

    @property
    def seeds(self) -> int:
        """Of each point."""
        return len({one.hyperparameters.get("seed") for one in self.trials})

    @property
    def trainer(self) -> Trainer:
        """With the best that was found."""
        return self.space.trainer.of(**{**self.space.fixed, **self.best.hyperparameters})

    def count(self, state: str) -> int:
        return sum(one.state == state for one in self.trials)

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        search = self.search
        return {
            "trainer": search.trainer,
            "data": self.data,
            "split": self.split,
            "metric": self.metric,
            "searched": {name: str(axis) for name, axis in self.space.axes.items()},
            "fixed": dict(self.space.fixed),
            "ended": self.ending,
            "seconds": self.seconds,
            "best": asdict(self.best),
            "default": None if self.default is None else asdict(self.default),
            "importances": dict(self.importances),
            "command": self.command,
            "trials": [asdict(one) for one in search.trials],
            "test": None if self.test is None else self.test.as_dict(),
            "test_readings": self.readings,
        }


def finals(plan: EvaluationPlan, models: Mapping[str, Trainer], patience: int, console: Console) -> "Comparison":
    """Trains each once more, as `cofactor train` does or as the protocol wants it, and measures all of them on the test
    part: it is read here, and nowhere else in a search."""
    from cofactor.evaluation.compare import compare_reports
    from cofactor.training.fit import fit

    ((_, split),) = plan.splits()
    trained = {}
    for name, trainer in models.items():
        with waiting(console, f"training {name}"):
            fitted = fit(trainer, split, patience=patience, refit=plan.refit)
            if fitted.interrupted:
                raise KeyboardInterrupt
            trained[name] = fitted.model
    with waiting(console, "measuring on the test part"):
        reports = {name: [plan.evaluate(model, split)] for name, model in trained.items()}
        return compare_reports(reports)


def contest(searching: "Searching", found: Sequence[Found], folder: Path, console: Console) -> "Comparison":
    """The best of each trainer, trained and measured as `cofactor compare` does: the models in folder/models, and a
    report in the folder. Raises KeyboardInterrupt where Ctrl-C came before anything was measured."""
    from cofactor.cli.display.comparison_progress import ComparisonDisplay
    from cofactor.experiments.comparison.candidates import Candidate
    from cofactor.experiments.comparison.run import run_comparison
    from cofactor.experiments.comparison.summarize import summarize
    from cofactor.report.write import write_report

    plan, asked = searching.plan, searching.asked
    best = {one.space.trainer.name: one.trainer for one in found}
    entered = [Candidate(name, trainer, asked.patience, plan.refit) for name, trainer in best.items()]
    notes = {"data": asked.source.name, "split_recipe": plan.recipe}
    with ComparisonDisplay(console, list(best)) as watcher:
        held = run_comparison(plan, entered, watcher, out=folder / "models", notes=lambda split: notes)
    with waiting(console, "comparing"):
        outcome = summarize(plan, held, command=compare_command(asked, best, str(folder / "again")))
    with drawing(console) as advance:
        write_report(outcome, folder, advance)
    console.print(f"the report: {click.format_filename(folder / 'report.html')}", markup=False)
    return outcome.comparison


def contestants(found: Found) -> dict[str, Trainer]:
    """The best and the defaults; the defaults alone where nothing was better."""
    best, default = found.trainer, found.space.trainer.of(**found.space.fixed)
    return {DEFAULT: default} if best == default else {TUNED: best, DEFAULT: default}


def write_found(found: Found, folder: Path) -> None:
    """trials.csv: a row for each trial; search.json: everything; search.html, search.md and a picture."""
    from cofactor.report.write import write_search

    folder.mkdir(parents=True, exist_ok=True)
    names = list(found.space.axes)
    with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", "state", found.metric, "error", "epochs", "seconds", "cpu_seconds", *names])
        writer.writerows(_row(one, names) for one in found.trials)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    (folder / "search.json").write_bytes(orjson.dumps(found.as_dict(), option=options, default=str))
    if found.test is None:  # the page has nothing of the test part, so it is there by then
        write_search(found.search, folder)


def _row(one: TrialResult, names: Sequence[str]) -> list[Any]:
    figures = (
        one.number,
        one.state,
        one.value,
        one.error,
        one.epochs,
        round(one.seconds, 3),
        round(one.cpu_seconds, 3),
    )
    return [*("" if figure is None else figure for figure in figures), *(one.hyperparameters[name] for name in names)]


def measured(found: Found, test: "Comparison", readings: int) -> Found:
    """With what the test part says."""
    return replace(found, test=test, readings=readings)
