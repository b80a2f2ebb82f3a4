"""Warm starts: models that a training starts from instead of random numbers, and the proof that they leak nothing.

A model that has learned ratings of the test part would pass them on, and the test metrics would be too good. So would
one of the validation part, on which the epoch is chosen.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeVar

import numpy as np

from cofactor.atomic_folders import sha256
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split
from cofactor.errors import BadHyperparameter, SplitMismatch, check_type
from cofactor.evaluation.held_out import hold_out
from cofactor.models.base import Model
from cofactor.saved.manifest import NAME
from cofactor.saved.model_folder import load
from cofactor.training.epoch import WarmStart

M = TypeVar("M", bound=Model)
WHOLE = ""  # the name of a model that a training starts from by itself, not for one of its parts
WarmStartSource = (
    Model | Path | str | Mapping[str, Model | Path | str]
)  # models or their folders, by the names in `warm_start_parts`
LEAK_HINTS = {
    "validation": "the epoch is chosen on them: start from a model that was trained without refitting",
    "test": "the model is measured on them: start from one that was trained on the train part",
}


@dataclass(frozen=True, eq=False)
class StartingModels:
    """The models that a training starts from, by name, and the folders of those that were loaded."""

    models: Mapping[str, Model] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, warm_start: WarmStartSource | None) -> "StartingModels":
        """Loads what is given as a folder. Raises BadArtifact for a folder that is not a saved model."""
        if warm_start is None:
            return cls()
        given = dict(warm_start) if isinstance(warm_start, Mapping) else {WHOLE: warm_start}
        for one in given.values():
            check_type("warm_start", one, (Model, str, PathLike), "give a model, or the folder of a saved one")
        folders = {name: Path(one) for name, one in given.items() if not isinstance(one, Model)}
        models = {name: one if isinstance(one, Model) else load(one) for name, one in given.items()}
        return cls(models, folders)

    @property
    def warm_start(self) -> WarmStart | None:
        """The `warm_start` of `Trainer.epochs`; None where training starts from random numbers."""
        return self.models.get(WHOLE, self.models or None)

    def check_split(self, split: Split) -> None:
        """Raises SplitMismatch for a model of another split, or one that has learned validation or test ratings."""
        for name, model in self.models.items():
            _check_unseen(self._title(name), model, split)

    def digests(self) -> dict[str, str]:
        """What identifies the models: the digest of a folder's manifest, which holds those of all its files, or of the
        arrays of a model in memory."""
        return {_key(name): self._digest(name, model) for name, model in self.models.items()}

    def provenance(self) -> dict[str, dict[str, str]]:
        """Where the models came from, as a saved model records it."""
        return {
            _key(name): {"folder": str(self.folders[name]), "manifest_sha256": self._digest(name, model)}
            if name in self.folders
            else {"arrays_sha256": self._digest(name, model)}
            for name, model in self.models.items()
        }

    def _digest(self, name: str, model: Model) -> str:
        return sha256(self.folders[name] / NAME) if name in self.folders else _digest_arrays(model)

    def _title(self, name: str) -> str:
        return str(self.folders[name]) if name in self.folders else "the model to start from"


def check_warm_start(warm_start: WarmStart, kind: type[M], trainer: str, rank: int, ratings: Ratings) -> M:
    """The model, where a trainer of vectors of this rank may start from it.

    Raises BadHyperparameter for another kind or rank, and what `check_same_split` raises.
    """
    if not isinstance(warm_start, kind):
        what = f"a {warm_start.kind} model" if isinstance(warm_start, Model) else "that"
        raise BadHyperparameter(f"{trainer} cannot start from {what}", f"start from a {kind.kind} model")
    check_same_split(warm_start, ratings)
    width = warm_start.arrays()["item_vectors"].shape[1]
    if width != rank:
        raise BadHyperparameter(f"{trainer}: rank is {rank}, the model to start from has {width}", f"use rank {width}")
    return warm_start


def no_warm_start(trainer: str) -> BadHyperparameter:
    """The error of a trainer that always starts from scratch and is given a model to start from."""
    return BadHyperparameter(f"{trainer} cannot start from a model", "train it from scratch, without a warm start")


def check_same_split(model: Model, ratings: Ratings) -> None:
    """Raises SplitMismatch where a model to start from is of another split, or has learned other than these ratings.

    A rating that is not among the training ratings may be a test rating. That is checked pair by pair, so it holds for
    ratings that are not parts of a `Split` too.
    """
    learned = model.training_data
    if learned.split != ratings.split:
        raise SplitMismatch("the model to start from was trained on another split", "it may have seen test ratings")
    if learned.users != ratings.users or learned.items != ratings.items:
        hint = "train both on parts of one table of ratings"
        raise SplitMismatch("the model to start from has other users or items than the ratings", hint)
    pairs = learned.interactions.tocoo()
    n_items = len(ratings.items)
    cells = pairs.row.astype(np.int64) * n_items + pairs.col
    known = np.isin(cells, ratings.user.astype(np.int64) * n_items + ratings.item)
    if not known.all():
        user, item = divmod(int(cells[np.flatnonzero(~known)[0]]), n_items)
        raise SplitMismatch(
            f"the model to start from was trained on {np.count_nonzero(~known):,} other ratings than these, "
            f"user {ratings.users.ids[user]!r} and item {ratings.items.ids[item]!r} among them",
            "they may be test ratings: start from a model that was trained on the train part",
        )


def _check_unseen(title: str, model: Model, split: Split) -> None:
    if model.training_data.split != split.fingerprint:
        other = (model.training_data.split or "none")[:12]
        raise SplitMismatch(
            f"{title} was trained on split {other}, not on {split.fingerprint[:12]}: it may have seen test ratings",
            "make one split with `cofactor split`, and train both models on it",
        )
    for name, hint in LEAK_HINTS.items():
        part = split.parts[name]
        try:
            if len(part):
                hold_out(part, model.training_data)
        except SplitMismatch:
            raise SplitMismatch(f"{title} was trained on {name} ratings of this split", hint) from None


def _digest_arrays(model: Model) -> str:
    whole = hashlib.sha256(model.kind.encode())
    for name, array in sorted(model.arrays().items()):
        whole.update(f"{name} {array.dtype.str} {array.shape};".encode())
        whole.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return whole.hexdigest()


def _key(name: str) -> str:
    return f"from-{name}" if name else "from"
