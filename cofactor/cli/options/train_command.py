"""The command line that trains with the result of a search, on the same ratings, quoted for a shell."""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cofactor.cli.options.data_argument import to_shell
from cofactor.data.data_source import DataSource
from cofactor.data.datasets.locations import default_data_folder
from cofactor.data.splitting.kinds import GIVEN
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.trainers.base import Trainer

DEFAULT_PATIENCE = 3
SPLITTING = {
    "kind": "--kind",
    "cut": "--cut",
    "test": "--test-share",
    "validation": "--validation-share",
    "min_ratings": "--min-ratings",
    "min_raters": "--min-raters",
}


@dataclass(frozen=True)
class TrainingArguments:
    """The arguments of a search that a training of the same model needs.

    recipe: of a split that is made in memory. protocol: the name of a protocol, instead of a recipe.
    """

    source: DataSource
    recipe: Mapping[str, Any] | None
    protocol: str | None
    seed: int
    patience: int

    def data(self) -> str:
        """The DATA argument; empty where a protocol finds its data by itself."""
        return "" if self.protocol is not None and self.source.is_synthetic else to_shell(self.source)

    def options(self) -> list[str]:
        """The options of the split and of the training that differ from their defaults."""
        defaults = asdict(SplitRecipe())
        recipe = defaults | dict(self.recipe or {})
        if recipe["kind"] == GIVEN:  # DATA, --test and --validation say so
            recipe |= {name: defaults[name] for name in ("kind", "test")}
        options = [(flag, recipe[name]) for name, flag in SPLITTING.items() if recipe[name] != defaults[name]]
        if self.seed:  # of the split as well, so it is the same for all trials
            options.append(("--seed", self.seed))
        if self.patience != DEFAULT_PATIENCE:
            options.append(("--patience", self.patience))
        if self.source.folder != default_data_folder():
            options.append(("--data-folder", self.source.folder))
        return [word for flag, value in options for word in _words(flag, value)]


def train_command(arguments: TrainingArguments, trainer: Trainer) -> str:
    """`cofactor train`, or `cofactor compare` for a protocol, which trains and evaluates as the protocol says."""
    if arguments.protocol is not None:
        return compare_command(arguments, {"tuned": trainer}, f"report/{trainer.name}-tuned")
    options = shlex.join([*_settings(trainer), *arguments.options(), "-o", f"models/{trainer.name}-tuned"])
    data = arguments.data()
    if arguments.source.data.startswith("-"):  # after such a DATA argument no word is taken for an option
        return " ".join(("cofactor train", trainer.name, options, data))
    return " ".join(("cofactor train", trainer.name, data, options))


def compare_command(arguments: TrainingArguments, trainers: Mapping[str, Trainer], out: str) -> str:
    """`cofactor compare` with named trainers."""
    candidates = [f"{name}={shlex.join([one.name, *_settings(one)])}" for name, one in trainers.items()]
    data = shlex.split(arguments.data())
    on = [*(word for word in data[:-1] if word != "--"), f"--on={data[-1]}"] if data else []
    protocol = ["--protocol", arguments.protocol] if arguments.protocol is not None else []
    return shlex.join(["cofactor", "compare", *candidates, *on, *protocol, *arguments.options(), "-o", out])


def _settings(trainer: Trainer) -> list[str]:
    """The hyperparameters that differ from their defaults, as options; the seed is an option of the command."""
    given = trainer.settings()
    changed = [p for p in trainer.hyperparameters() if p.name != "seed" and given[p.name] != p.default]
    return [word for p in changed for word in _words(f"--{p.name.removeprefix('n_').replace('_', '-')}", given[p.name])]


def _words(flag: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag.removeprefix('--')}"]
    return [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]
