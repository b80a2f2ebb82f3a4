"""What `cofactor compare` is to compare: saved models, and trainers with their options in one argument."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.errors import CofactorError

if TYPE_CHECKING:
    from cofactor.experiments.comparison.candidates import Candidate, SavedModel

ALL = "all"
ALWAYS = "popularity", "baseline"  # what every model is measured by
NAMED = re.compile(r"(\w[^\s=/\\]*)=(.+)", re.DOTALL)
TRAINING = "seed", "patience", "refit"  # options that decide about the model, beside the hyperparameters


@dataclass(frozen=True)
class Usual:
    """What holds for every training that does not say otherwise."""

    seed: int
    patience: int
    refit: bool


def contestants(given: Sequence[str], usual: Usual) -> "list[Candidate | SavedModel]":
    """Those of the arguments, after popularity and baseline where these are not among them.

    A word that names a trainer is that trainer, and a folder of the same name is written ./NAME. Of models in folders
    of one name, each is called by its path. Raises CofactorError for what is neither, UsageError for a wrong option,
    BadHyperparameter for a value out of bounds, and CofactorError where two have one name.
    """
    from cofactor.experiments.comparison.candidates import SavedModel

    found = [one for text in given for one in _parsed(text, usual)]
    folders = [one for one in found if isinstance(one, SavedModel)]
    if len({one.folder.resolve() for one in folders}) < len(folders):
        raise click.UsageError("a model is given twice")
    known = {trainer_of(one) for one in found}
    missing = [name for name in ALWAYS if name not in known]
    found = [*(_trainer(name, [name], usual, asked=False) for name in missing), *told_apart(found)]
    for number, one in enumerate(found):
        if one.name in {other.name for other in found[:number]}:
            raise CofactorError(f"two of them are called {one.name}", f"name one of them: OTHER={one.name}")
    return found


def trainer_of(one: "Candidate | SavedModel") -> str:
    """The trainer of a model that is or was trained; raises BadArtifact where the folder is no model."""
    from cofactor.experiments.comparison.candidates import SavedModel
    from cofactor.saved.model_folder import load_manifest

    return str(load_manifest(one.folder)["trainer"]) if isinstance(one, SavedModel) else one.trainer.name


def told_apart(found: "Sequence[Candidate | SavedModel]") -> "list[Candidate | SavedModel]":
    """Saved models that share a name are called by their whole path."""
    from dataclasses import replace

    from cofactor.experiments.comparison.candidates import SavedModel

    names = [one.name for one in found]
    return [
        replace(one, name=str(one.folder))
        if isinstance(one, SavedModel) and names.count(one.name) > 1 and one.name == one.folder.resolve().name
        else one
        for one in found
    ]


def _parsed(text: str, usual: Usual) -> "list[Candidate | SavedModel]":
    """The contestants of one argument; several of `all`."""
    from cofactor.experiments.comparison.candidates import SavedModel
    from cofactor.trainers import TRAINERS

    if text == ALL:
        return [_trainer(name, [name], usual) for name in TRAINERS]
    name, there = "", text
    if not Path(text).exists() and (named := NAMED.fullmatch(text)):
        name, there = named.groups()
    try:
        words = shlex.split(there)
    except ValueError as error:
        raise click.UsageError(f"{text!r} cannot be read: {error}") from None
    if words and words[0] in TRAINERS:
        return [_trainer(name or " ".join(words), words, usual)]
    if there and Path(there).is_dir():
        return [SavedModel(name or Path(there).resolve().name, Path(there))]
    raise _unknown(words[0] if words else there, list(TRAINERS))


def _trainer(name: str, words: Sequence[str], usual: Usual, *, asked: bool = True) -> "Candidate":
    """A trainer with options as `cofactor train` takes them, checked by the very same."""
    from cofactor.cli.options.hyperparameters import TrainCommand
    from cofactor.cli.train import train
    from cofactor.experiments.comparison.candidates import Candidate
    from cofactor.trainers import TRAINERS

    kind, theirs = TRAINERS[words[0]], train.get_command(click.Context(train), words[0])
    assert isinstance(theirs, TrainCommand)
    allowed = [p for p in theirs.params if p.name in (*theirs.tuned, *TRAINING)]
    command = click.Command(theirs.name, params=allowed, add_help_option=False)
    context = command.make_context(f"cofactor train {theirs.name}", list(words[1:]))
    chosen: dict[str, Any] = dict(context.params)
    own = click.core.ParameterSource.COMMANDLINE
    rest = {
        name: chosen.pop(name) if context.get_parameter_source(name) is own else getattr(usual, name)
        for name in TRAINING
    }
    options = {name: chosen[name] for name in theirs.tuned}
    if any(p.name == "seed" for p in kind.hyperparameters()):
        options["seed"] = rest["seed"]
    return Candidate(name, kind.of(**options), rest["patience"], rest["refit"], asked)


def _unknown(word: str, trainers: list[str]) -> CofactorError:
    """The error for an argument that is neither a trainer nor a folder."""
    from cofactor.cli import unknown_choice

    error = unknown_choice("trainer", word, trainers)
    assert isinstance(error, CofactorError)
    hint = error.hint if error.hint.startswith("did you mean") else f"a saved model's folder, or {', '.join(trainers)}"
    return CofactorError(f"no such trainer, and no such folder: {word}", hint)
