"""What a search found: the best beside the defaults, the command that trains with it, and what the test part says."""

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Console

from cofactor.cli.data import Source, SplitRecipe, usual_folder
from cofactor.cli.screen import waiting
from cofactor.data.split import Split
from cofactor.experiments.space import Space
from cofactor.experiments.trial import Search, Trial
from cofactor.experiments.tuning import Ending, over_seeds
from cofactor.trainers.base import Trainer

if TYPE_CHECKING:
    from cofactor.evaluation.compare import Comparison

TUNED, DEFAULT = "tuned", "default"
USUAL_PATIENCE = 3


@dataclass(frozen=True, eq=False)
class Found:
    """The end of a search, or of a sweep."""

    space: Space
    data: str
    split: str
    metric: str
    trials: list[Trial]
    best: Trial
    default: Trial | None  # None where the defaults failed, and in a sweep that leaves them out
    importances: Mapping[str, float]
    command: str
    ending: Ending
    seconds: float
    sweep: bool
    test: "Comparison | None" = None
    readings: int = 0  # of the test part, in this search

    @property
    def search(self) -> Search:
        """As a report draws it."""
        trials = tuple(over_seeds(self.trials) if self.sweep else self.trials)
        return Search(self.space.trainer.name, self.data, self.metric, trials, self.importances, self.command)

    def count(self, state: str) -> int:
        return sum(one.state == state for one in self.trials)

    def settings(self, trial: Trial) -> dict[str, Any]:
        """All that a trial was not left to the defaults."""
        return {**self.space.fixed, **trial.hyperparameters}

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


def best_command(
    source: Source, recipe: SplitRecipe | None, space: Space, best: Trial, seed: int, patience: int
) -> str:
    """The command line that trains with the hyperparameters of a trial, on the same split, as a shell takes it."""
    settings = {**space.fixed, **best.hyperparameters}
    defaults = {p.name: p.default for p in space.trainer.hyperparameters()}
    told = {name: value for name, value in settings.items() if name != "seed" and value != defaults[name]}
    options = [word for name, value in told.items() for word in _option(name, value)]
    split = asdict(recipe) if recipe else {}
    usual = asdict(SplitRecipe())
    flags = {"kind": "--kind", "test": "--test-share", "validation": "--validation-share"}
    options += [
        word
        for name, flag in flags.items()
        if split and split[name] != usual[name]
        for word in (flag, str(split[name]))
    ]
    options += ["--seed", str(seed)] if seed else []  # of the split as well, so it is one for all trials
    options += ["--patience", str(patience)] if patience != USUAL_PATIENCE else []
    options += ["--data-folder", str(source.folder)] if source.folder != usual_folder() else []
    options += ["-o", f"models/{space.trainer.name}-tuned"]
    data, told_so_far = source.as_typed(), f"cofactor train {space.trainer.name}"
    behind = source.data.startswith("-")  # then nothing after it is an option
    return " ".join((told_so_far, *((shlex.join(options), data) if behind else (data, shlex.join(options)))))


def _option(name: str, value: Any) -> list[str]:
    flag = name.removeprefix("n_").replace("_", "-") if name.startswith("n_") else name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [f"--{flag}={value}"] if str(value).startswith("-") else [f"--{flag}", str(value)]


def finals(split: Split, models: Mapping[str, Trainer], patience: int, console: Console) -> "Comparison":
    """Trains each once more, as `cofactor train` does, and measures all of them on the test part: it is read here, and
    nowhere else in a search."""
    from cofactor.evaluation.compare import compare

    validation = split.validation if len(split.validation) else None
    trained = {}
    for name, trainer in models.items():
        with waiting(console, f"training {name}"):
            trained[name] = trainer.fit(split.train, validation, patience)
    with waiting(console, "measuring on the test part"):
        return compare(trained, split.test, (10,))


def contestants(found: Found) -> dict[str, Trainer]:
    """The best and the defaults; the defaults alone where nothing was better."""
    trainer = found.space.trainer
    best = trainer.of(**found.settings(found.best))
    default = trainer.of(**found.space.fixed)
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
    write_search(found.search, folder)


def _row(one: Trial, names: Sequence[str]) -> list[Any]:
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
