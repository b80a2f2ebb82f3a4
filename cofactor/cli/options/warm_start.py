"""`--from` and `--from-NAME`: folders of saved models that training starts from instead of random numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.errors import BadHyperparameter

if TYPE_CHECKING:
    from cofactor.trainers.base import Trainer

WHOLE = ""  # the name of a model that training starts from by itself


def warm_start_options(trainer: "type[Trainer]") -> list[click.Option]:
    """An option for each model that a trainer may start from; none where it always starts from scratch."""
    named = dict(trainer.warm_start_parts)
    if trainer.warm_start_model is not None:
        named = {WHOLE: trainer.warm_start_model, **named}
    folder = click.Path(path_type=Path, file_okay=False)
    return [
        click.Option(
            [_flag(name), _parameter(name)],
            type=folder,
            metavar="MODEL_FOLDER",
            help=f"Saved model to start from: {what}.",
        )
        for name, what in named.items()
    ]


def take_warm_start(trainer: "type[Trainer]", options: dict[str, Any]) -> Path | dict[str, Path] | None:
    """The folders of the `warm_start_options`, which are removed from `options`; None where none is given."""
    given = {name: options.pop(_parameter(name), None) for name in (WHOLE, *trainer.warm_start_parts)}
    folders = {name: folder for name, folder in given.items() if folder is not None}
    if WHOLE in folders and len(folders) > 1:
        others = ", ".join(_flag(name) for name in folders if name != WHOLE)
        raise BadHyperparameter(
            f"--from is given together with {others}", "--from is for one whole model: give the one or the others"
        )
    return folders.get(WHOLE) or folders or None


def _flag(name: str) -> str:
    return f"--from-{name}" if name else "--from"


def _parameter(name: str) -> str:
    return f"from_{name}"
