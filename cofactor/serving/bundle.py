"""What is served, as one thing that never changes: a model, its manifest, and what is derived from them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from cofactor.artifact import load_with_manifest
from cofactor.models.base import Model
from cofactor.serving.titles import Titles

VERSION_DIGITS = 12  # hexadecimal: 48 bits, which no two models anybody keeps will share by chance
PUBLIC = ("trainer", "hyperparameters", "metrics", "split", "created")  # of a manifest, for anybody to read


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model and its manifest. Immutable, so whoever holds one reference sees one version of everything."""

    model: Model
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path | str) -> "Bundle":
        """The model saved in a folder; raises BadArtifact where it is damaged or changes while it is read."""
        return cls(*load_with_manifest(path))

    @cached_property
    def version(self) -> str:
        """A short digest of the manifest, which holds the digests of everything else."""
        canonical = orjson.dumps(dict(self.manifest), option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)
        return hashlib.sha256(canonical).hexdigest()[:VERSION_DIGITS]

    @cached_property
    def titles(self) -> Titles:
        return Titles(self.model.catalog)

    @cached_property
    def card(self) -> dict[str, Any]:
        """What anybody may know of the model: the public part of its manifest, its sizes and its scale."""
        catalog = self.model.catalog
        return {
            **{key: self.manifest[key] for key in PUBLIC if key in self.manifest},
            "kind": self.model.kind,
            "users": len(catalog.users),
            "items": len(catalog.items),
            "ratings": int(catalog.history.nnz),
            "scale": list(catalog.scale),
            "step": catalog.step,
            "predicts_ratings": self.model.scale is not None,
        }
