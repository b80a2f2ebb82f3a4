"""A loaded model for serving: the model, its manifest, and the indexes derived from them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Any

from cofactor.arrays import Floats, Rows
from cofactor.errors import BadArtifact
from cofactor.models.base import Model
from cofactor.saved.manifest import compute_version
from cofactor.saved.model_folder import load_with_manifest
from cofactor.saved.verify_folder import BetweenBlocks
from cofactor.serving.folder_watcher import Stamp, stamp
from cofactor.serving.item_map import ItemMaps
from cofactor.serving.item_table import ItemTable
from cofactor.serving.search.item_search import ItemSearch
from cofactor.serving.search.title_search import TitleSearch

ATTEMPTS = 6  # to load a folder that is being replaced
PAUSE = 0.05  # seconds between them: longer than the two renames that put a model in the place of another
PUBLIC = ("trainer", "hyperparameters", "metrics", "split", "created")  # fields of a manifest that a card shows


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model and its manifest. Immutable: one reference always means one version of everything."""

    model: Model
    manifest: Mapping[str, Any]
    _maps: ItemMaps = field(default_factory=ItemMaps, init=False, repr=False)

    @classmethod
    def open(cls, path: Path | str, between_blocks: BetweenBlocks = lambda: None) -> "LoadedModel":
        """The model saved in a folder; raises BadArtifact if it is damaged.

        A folder that is replaced while it is read is read again, so that files of two models are never mixed. An
        exception of `between_blocks`, which is called while files are read, ends the loading.
        """
        for _ in range(ATTEMPTS):
            before = stamp(path)

            def check(before: Stamp | None = before) -> None:
                between_blocks()
                if stamp(path) != before:
                    raise BadArtifact(f"{path} was replaced while it was read", "open it again")

            try:
                return cls(*load_with_manifest(path, check))
            except BadArtifact as error:
                failed = error
            time.sleep(PAUSE)
            if before is not None and stamp(path) == before:
                break
        raise failed

    @cached_property
    def version(self) -> str:
        """A short digest of the manifest, which contains the digests of all other files."""
        return compute_version(self.manifest)

    @cached_property
    def titles(self) -> TitleSearch:
        return TitleSearch(self.items.titles, self.items.by_popularity)

    @cached_property
    def items(self) -> ItemTable:
        return ItemTable(self.model)

    @cached_property
    def search(self) -> ItemSearch:
        return ItemSearch(self.items, self.titles)

    def map(self, n: int) -> tuple[Rows, Floats]:
        """Rows and positions within [-1, 1]² of the n most rated items. The first call takes seconds."""
        return self._maps.get(self.model, n)

    def has_map(self, n: int) -> bool:
        """Whether `map` has been computed for n items."""
        return self._maps.has(n)

    @cached_property
    def card(self) -> dict[str, Any]:
        """The public description of the model: part of its manifest, its sizes and its scale."""
        training_data = self.model.training_data
        return {
            **{key: self.manifest[key] for key in PUBLIC if key in self.manifest},
            "kind": self.model.kind,
            "users": len(training_data.users),
            "items": len(training_data.items),
            "ratings": int(training_data.interactions.nnz),
            "scale": list(training_data.scale),
            "step": training_data.step,
            "values": training_data.kind,
            "predicts_ratings": self.model.scale is not None,
            **_learning_curve(self.manifest.get("notes")),
        }


def _learning_curve(notes: Any) -> dict[str, Any]:
    """The learning curve in the notes of a manifest, as `cofactor train` writes it; notes may contain anything."""
    notes = notes if isinstance(notes, dict) else {}
    curve, best, metric = notes.get("curve"), notes.get("best_epoch"), notes.get("curve_metric")
    epochs = [_epoch(one) for one in curve] if isinstance(curve, list) else []
    return {
        "curve": [one for one in epochs if one is not None],
        "curve_metric": metric if metric in ("RMSE", "NDCG@10") else "",
        "best_epoch": best if type(best) is int else None,
    }


def _epoch(one: Any) -> dict[str, Any] | None:
    if not isinstance(one, dict) or type(one.get("epoch")) is not int:
        return None
    return {"epoch": one["epoch"], "train": _finite(one.get("train")), "validation": _finite(one.get("validation"))}


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None
