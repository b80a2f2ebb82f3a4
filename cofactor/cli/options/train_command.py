"""The command line that trains with what a search found, on the same ratings, as a shell takes it."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cofactor.cli.options.data_argument import to_shell
from cofactor.data.data_source import DataSource
from cofactor.data.datasets.locations import default_data_folder
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.trainers.base import Trainer

USUAL_PATIENCE = 3
SPLITTING = {"kind": "--kind", "cut": "--cut", "test": "--test-share", "validation": "--validation-share"}


@dataclass(frozen=True)
class TrainingArguments:
    """What was asked for of data and training, as far as it decides about the model.

    recipe: of a split that is made in memory. protocol: its name, in place of a recipe.
    """

    source: DataSource
    recipe: Mapping[str, Any] | None
    protocol: str | None
    seed: int
    patience: int

    def data(self) -> str:
        """The argument, or nothing where a protocol finds its data by itself."""
        return "" if self.protocol is not None and self.source.is_synthetic else to_shell(self.source)

    def options(self) -> list[str]:
        """Of the split, where it is not the usual one, and of the training."""
        usual = asdict(SplitRecipe())
        recipe = usual | dict(self.recipe or {})
        told = [(flag, recipe[name]) for name, flag in SPLITTING.items() if recipe[name] != usual[name]]
        told += [("--seed", self.seed)] if self.seed else []  # of the split as well, so it is one for all trials
        told += [("--patience", self.patience)] if self.patience != USUAL_PATIENCE else []
        told += [("--data-folder", self.source.folder)] if self.source.folder != default_data_folder() else []
        return [word for flag, value in told for word in _words(flag, value)]


def train_command(asked: TrainingArguments, trainer: Trainer) -> str:
    """`cofactor train`, or of a protocol `cofactor compare`, which trains and measures as the protocol does."""
    if asked.protocol is not None:
        return compare_command(asked, {"tuned": trainer}, f"report/{trainer.name}-tuned")
    options = shlex.join([*_settings(trainer), *asked.options(), "-o", f"models/{trainer.name}-tuned"])
    behind = asked.source.data.startswith("-")  # then nothing after it is an option
    return " ".join(("cofactor train", trainer.name, *((options, asked.data()) if behind else (asked.data(), options))))


def compare_command(asked: TrainingArguments, trainers: Mapping[str, Trainer], out: str) -> str:
    """`cofactor compare` with each of the trainers, by the names they are to have."""
    contestants = [f"{name}={shlex.join([one.name, *_settings(one)])}" for name, one in trainers.items()]
    data = shlex.split(asked.data())
    on = [*(word for word in data[:-1] if word != "--"), f"--on={data[-1]}"] if data else []
    protocol = ["--protocol", asked.protocol] if asked.protocol is not None else []
    return shlex.join(["cofactor", "compare", *contestants, *on, *protocol, *asked.options(), "-o", out])


def _settings(trainer: Trainer) -> list[str]:
    """The hyperparameters that are not left to the defaults, as options; the seed is told apart."""
    given = trainer.settings()
    told = [p for p in trainer.hyperparameters() if p.name != "seed" and given[p.name] != p.default]
    return [word for p in told for word in _words(f"--{p.name.removeprefix('n_').replace('_', '-')}", given[p.name])]


def _words(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]
