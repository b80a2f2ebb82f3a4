"""Checks of the places that a training writes to, before its data are read."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import click


@contextmanager
def reserve_outputs(options: Mapping[str, Any]) -> Iterator[None]:
    """Keeps other trainings from the folders of the model and of the checkpoint within the context.

    Raises an error where any output could not be written, and where one would be in the folder of the model, which is
    replaced as a whole.
    """
    from cofactor.saved.model_folder import reserve_place
    from cofactor.training.checkpoint import CheckpointFolder

    checkpoint, resume = options["checkpoint"], options["resume"]
    if resume and checkpoint is None:
        raise click.UsageError("--resume needs a checkpoint: name its folder with --checkpoint")
    check_separate(options)
    with ExitStack() as reserved:
        reserved.enter_context(reserve_place(options["out"]))
        if checkpoint is not None:
            reserved.enter_context(CheckpointFolder(checkpoint).reserve(resume=resume))
        yield


def check_separate(options: Mapping[str, Any]) -> None:
    """Raises BadData where another output would be in the folder of the model, or that in the checkpoint."""
    from cofactor.errors import BadData
    from cofactor.output_checks import real_path, write_errors

    out = options["out"]
    for name in ("checkpoint", "log", "curves", "tensorboard"):
        if (place := options.get(name)) is None:
            continue
        with write_errors(place):
            there, model = real_path(place), real_path(out)
        if model in (there, *there.parents) or (name == "checkpoint" and there in model.parents):
            raise BadData(f"--{name} {place} and the model in {out} are in one folder", "name places side by side")


def check_records(options: Mapping[str, Any]) -> None:
    """Raises BadArtifact where a file or folder that records a training could not be written."""
    from cofactor.output_checks import check_output_file, check_output_folder, is_stream

    for name in ("log", "curves"):
        if (file := options.get(name)) is not None and not is_stream(file):
            check_output_file(file)
    if options.get("tensorboard") is not None:
        check_output_folder(options["tensorboard"])
