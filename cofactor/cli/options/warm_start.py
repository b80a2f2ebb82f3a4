"""`--from` and `--from-NAME`: saved models that a training starts from instead of random numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.errors import BadHyperparameter, SplitMismatch

if TYPE_CHECKING:
    from cofactor.data.splitting.split import Split
    from cofactor.models.base import Model
    from cofactor.trainers.base import Trainer
    from cofactor.training.epoch import WarmStart

ALONE = ""  # the name of a model that a training starts from by itself


def start_options(trainer: "type[Trainer]") -> list[click.Option]:
    """One for each model that this trainer may start from; none where it always begins anew."""
    named = trainer.starts if trainer.start is None else {ALONE: trainer.start, **trainer.starts}
    folder = click.Path(path_type=Path, file_okay=False)
    return [
        click.Option(
            [_flag(name), _parameter(name)], type=folder, metavar="MODEL_FOLDER", help=f"What to start from: {what}."
        )
        for name, what in named.items()
    ]


@dataclass(frozen=True)
class Starting:
    """The folders of the models to start from, by name."""

    folders: Mapping[str, Path]

    @classmethod
    def of(cls, trainer: "type[Trainer]", options: dict[str, Any]) -> "Starting":
        """From the options of `start_options`, which are taken out of `options`."""
        given = {name: options.pop(_parameter(name), None) for name in (ALONE, *trainer.starts)}
        folders = {name: folder for name, folder in given.items() if folder is not None}
        if ALONE in folders and len(folders) > 1:
            others = ", ".join(_flag(name) for name in folders if name != ALONE)
            raise BadHyperparameter(
                f"--from is given beside {others}", "--from is for one whole model: give the one or the others"
            )
        return cls(folders)

    def models(self, split: "Split") -> "WarmStart | None":
        """What training on a split starts from, checked; None for random numbers.

        Raises BadArtifact for a folder that is no model, SplitMismatch for a model of another split, or one that has
        seen ratings of the split's validation or test part.
        """
        from cofactor.saved.model_folder import load

        loaded = {name: load(folder) for name, folder in self.folders.items()}
        for name, model in loaded.items():
            _check_unseen(click.format_filename(self.folders[name]), model, split)
        return loaded.get(ALONE, loaded or None)

    def notes(self) -> dict[str, dict[str, str]]:
        """What a saved model says of them: the option, the folder, and the digest of its manifest, which holds those of
        all else in it."""
        from cofactor.atomic_folders import sha256
        from cofactor.saved.manifest import NAME

        return {
            _flag(name).removeprefix("--"): {"folder": str(folder), "manifest_sha256": sha256(folder / NAME)}
            for name, folder in self.folders.items()
        }


def _check_unseen(folder: str, model: "Model", split: "Split") -> None:
    from cofactor.evaluation.held_out import hold_out

    if model.training_data.split != split.fingerprint:
        theirs = (model.training_data.split or "none")[:12]
        raise SplitMismatch(
            f"{folder} was trained on split {theirs}, not on {split.fingerprint[:12]}: it may have seen test ratings",
            "make one split with `cofactor split`, and train both models on it",
        )
    parts = {
        "validation": (
            split.validation,
            "the epoch is chosen on them: start from a model that was trained without --refit",
        ),
        "test": (split.test, "the model is measured on them: start from one that was trained on the train part"),
    }
    for name, (part, hint) in parts.items():
        try:
            if len(part):
                hold_out(part, model.training_data)
        except SplitMismatch:
            raise SplitMismatch(f"{folder} was trained on {name} ratings of this split", hint) from None


def _flag(name: str) -> str:
    return f"--from-{name}" if name else "--from"


def _parameter(name: str) -> str:
    return f"from_{name}"
