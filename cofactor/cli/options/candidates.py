"""The CANDIDATE arguments of `cofactor compare`: saved models, and trainers with their options in one argument."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.errors import CofactorError

if TYPE_CHECKING:
    from cofactor.experiments.comparison.candidates import Candidate, SavedModel

ALL = "all"
REFERENCES = "popularity", "baseline"  # added to every comparison
NAMED = re.compile(r"(\w[^\s=/\\]*)=(.+)", re.DOTALL)
TRAINING_OPTIONS = "seed", "patience", "refit"


@dataclass(frozen=True)
class TrainingDefaults:
    """The training options of a candidate that does not set its own."""

    seed: int
    patience: int
    refit: bool


def parse_candidates(arguments: Sequence[str], defaults: TrainingDefaults) -> "list[Candidate | SavedModel]":
    """The candidates of the arguments, after popularity and baseline where they are not among them.

    A word that names a trainer is that trainer; a folder of the same name is written ./NAME. Saved models whose folders
    have the same name are called by their paths. Raises CofactorError for an argument that is neither and for two
    candidates of one name, UsageError for a wrong option, and BadHyperparameter for a value out of bounds.
    """
    from cofactor.experiments.comparison.candidates import SavedModel

    candidates = [one for text in arguments for one in _parse(text, defaults)]
    folders = [one.folder.resolve() for one in candidates if isinstance(one, SavedModel)]
    if len(set(folders)) < len(folders):
        raise click.UsageError("a model is given twice")
    trainers = {_trainer_name(one) for one in candidates}
    references = [
        _parse_trainer(name, [name], defaults, requested=False) for name in REFERENCES if name not in trainers
    ]
    candidates = [*references, *_rename_duplicates(candidates)]
    for number, one in enumerate(candidates):
        if one.name in {other.name for other in candidates[:number]}:
            raise CofactorError(f"two candidates are called {one.name}", f"name one of them: OTHER={one.name}")
    return candidates


def _trainer_name(candidate: "Candidate | SavedModel") -> str:
    """The name of the trainer; raises BadArtifact for a folder that holds no model."""
    from cofactor.experiments.comparison.candidates import Candidate
    from cofactor.saved.model_folder import load_manifest

    return (
        candidate.trainer.name if isinstance(candidate, Candidate) else str(load_manifest(candidate.folder)["trainer"])
    )


def _rename_duplicates(candidates: "Sequence[Candidate | SavedModel]") -> "list[Candidate | SavedModel]":
    """The candidates, with saved models that share a folder name called by their paths."""
    from cofactor.experiments.comparison.candidates import SavedModel

    names = [one.name for one in candidates]
    return [
        replace(one, name=str(one.folder))
        if isinstance(one, SavedModel) and names.count(one.name) > 1 and one.name == one.folder.resolve().name
        else one
        for one in candidates
    ]


def _parse(text: str, defaults: TrainingDefaults) -> "list[Candidate | SavedModel]":
    """The candidate of one argument; every trainer for `all`."""
    from cofactor.experiments.comparison.candidates import SavedModel
    from cofactor.trainers import TRAINERS

    if text == ALL:
        return [_parse_trainer(name, [name], defaults) for name in TRAINERS]
    name, definition = "", text
    if not Path(text).exists() and (named := NAMED.fullmatch(text)):
        name, definition = named.groups()
    try:
        words = shlex.split(definition)
    except ValueError as error:
        raise click.UsageError(f"{text!r} cannot be parsed: {error}") from None
    if words and words[0] in TRAINERS:
        return [_parse_trainer(name or " ".join(words), words, defaults)]
    if definition and Path(definition).is_dir():
        return [SavedModel(name or Path(definition).resolve().name, Path(definition))]
    raise _unknown_candidate(words[0] if words else definition, list(TRAINERS))


def _parse_trainer(
    name: str, words: Sequence[str], defaults: TrainingDefaults, *, requested: bool = True
) -> "Candidate":
    """A trainer with the options of `cofactor train`, parsed by that command."""
    from cofactor.cli.options.hyperparameters import TrainCommand
    from cofactor.cli.train import train
    from cofactor.experiments.comparison.candidates import Candidate
    from cofactor.trainers import TRAINERS

    trainer, train_command = TRAINERS[words[0]], train.get_command(click.Context(train), words[0])
    assert isinstance(train_command, TrainCommand)
    allowed = [p for p in train_command.params if p.name in (*train_command.hyperparameters, *TRAINING_OPTIONS)]
    command = click.Command(train_command.name, params=allowed, add_help_option=False)
    context = command.make_context(f"cofactor train {train_command.name}", list(words[1:]))
    options: dict[str, Any] = dict(context.params)
    training = {
        name: options[name]
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        else getattr(defaults, name)
        for name in TRAINING_OPTIONS
    }
    hyperparameters = {name: options[name] for name in train_command.hyperparameters}
    if any(p.name == "seed" for p in trainer.hyperparameters()):
        hyperparameters["seed"] = training["seed"]
    return Candidate(name, trainer.of(**hyperparameters), training["patience"], training["refit"], requested)


def _unknown_candidate(word: str, trainers: list[str]) -> CofactorError:
    """The error for an argument that is neither a trainer nor a folder."""
    from cofactor.cli import unknown_choice

    error = unknown_choice("trainer", word, trainers)
    assert isinstance(error, CofactorError)
    hint = error.hint if error.hint.startswith("did you mean") else f"a saved model's folder, or {', '.join(trainers)}"
    return CofactorError(f"no such trainer, and no such folder: {word}", hint)
