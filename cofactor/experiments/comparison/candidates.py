"""What a comparison compares: trainers with their training options, and saved models."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cofactor.trainers.base import Trainer


@dataclass(frozen=True)
class Candidate:
    """A trainer and the options of its training.

    requested: False for a reference model that is added to every comparison, such as popularity.
    """

    name: str
    trainer: Trainer
    patience: int = 3
    refit: bool = False
    requested: bool = True


@dataclass(frozen=True)
class SavedModel:
    """The folder of a model that was trained before."""

    name: str
    folder: Path


Candidates = Sequence[Candidate | SavedModel]


def expand_seeds(candidate: Candidate, n: int) -> list[Candidate]:
    """The candidate with n consecutive seeds, starting with its own: "svd", "svd seed 1", "svd seed 2".

    A candidate whose trainer has no seed is returned alone.
    """
    settings = candidate.trainer.settings()
    if "seed" not in settings:
        return [candidate]
    first = int(settings["seed"])
    others = [
        replace(
            candidate, name=f"{candidate.name} seed {seed}", trainer=candidate.trainer.of(**settings | {"seed": seed})
        )
        for seed in range(first + 1, first + n)
    ]
    return [candidate, *others]


def folder_name(name: str) -> str:
    """A candidate's name as a folder name: "svd --rank 128" becomes "svd-rank-128"."""
    return re.sub(r"[^\w.+=,@]+", "-", name).strip("-.") or "model"
