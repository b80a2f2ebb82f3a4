"""DATA as the command line and Python name it: a known data set, a path, a saved split, or synthetic ratings.

DataSource("ml-100k").read()                 # Ratings of a data set that `cofactor fetch` downloaded
DataSource("purchases.csv", columns={"user": "CustomerID"}).open_split()[0]
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cofactor.data.datasets.known import DATASETS
from cofactor.data.datasets.locations import default_data_folder, find_dataset
from cofactor.data.exporting.export import load_exported_split
from cofactor.data.exporting.export_manifest import is_export, is_exported_split
from cofactor.data.merge_feedback import merge_feedback
from cofactor.data.ratings import Ratings
from cofactor.data.reading.read import read, with_features
from cofactor.data.reading.source_files import is_source_path
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.saved_split import MANIFEST
from cofactor.data.splitting.split import Split, load_split
from cofactor.data.stated_scale import state_scale
from cofactor.data.synthetic.demo import demo_ratings
from cofactor.errors import BadData

SYNTHETIC = "synthetic"
FORMER_SYNTHETIC = "made"  # what versions before 0.2 called it, also in manifests of models


@dataclass(frozen=True)
class DataSource:
    """What to read, and how to read it.

    data: "synthetic" (see `demo_ratings`), the name of a known data set, or the path of a file, a folder, an archive, a
        member of one (`ratings.zip:u.data`) or a saved split, or "-" for standard input.
    folder: the folder of known data sets.
    columns, implicit, repeats, missing, time_format, scale, bad_rows, layout, delimiter, titles, user_features,
        item_features: see `read`.
    ratings_from: the address of a store of ratings collected while serving, which are merged into the data: a file
        or a postgresql:// address.
    test, validation: where somebody else split the ratings, the data of these parts; `data` is the train part. They
        are read in the same way.
    """

    data: str = SYNTHETIC
    folder: Path = field(default_factory=default_data_folder)
    columns: Mapping[str, str] = field(default_factory=dict)
    implicit: bool = False
    repeats: str | None = None
    missing: Sequence[str] = ()
    time_format: str | None = None
    scale: tuple[float, float] | None = None
    bad_rows: str = "error"
    layout: Literal["lists", "wide"] | None = None
    delimiter: str | None = None
    titles: Path | None = None
    user_features: Path | None = None
    item_features: Path | None = None
    ratings_from: str | None = field(default=None, repr=False)  # an address may hold a password
    test: str | None = None
    validation: str | None = None

    def __post_init__(self) -> None:
        if self.data == FORMER_SYNTHETIC:
            object.__setattr__(self, "data", SYNTHETIC)

    @property
    def is_synthetic(self) -> bool:
        """Whether the data are the synthetic ratings rather than files."""
        return self.data == SYNTHETIC

    @property
    def name(self) -> str:
        """The name of the data in a manifest: the last part of a path, which says nothing of this machine."""
        return Path(self.data).name or self.data

    def notes(self) -> dict[str, Any]:
        """What a manifest keeps of the options, because the same ratings can only be read again with it."""
        return {} if self.scale is None else {"scale": list(self.scale)}

    def path(self) -> Path:
        """The file or folder of the data.

        Raises Unavailable for a known data set that is not in the data folder, BadData for a path that does not exist
        or for the synthetic ratings, which are not in a file.
        """
        if self.data in DATASETS:
            return find_dataset(self.data, self.folder)
        path = Path(self.data)
        try:
            if not self.is_synthetic and (path.exists() or is_source_path(self.data)):
                return path
        except OSError as error:  # a name that is too long, or a folder that may not be entered
            raise BadData(f"{self.data}: {error.strerror or error}", "check that it can be read") from None
        known = [*DATASETS, SYNTHETIC]
        similar = difflib.get_close_matches(self.data, known, 1)
        hint = f"did you mean {similar[0]}?" if similar else f"a file, a folder, or one of {', '.join(known)}"
        raise BadData(f"no such data: {self.data}", hint)

    def is_split(self) -> bool:
        """Whether the data are a split: one that `save_split` or `export` wrote."""
        return self.test is None and not self.is_synthetic and is_split_folder(self.path())

    def split_folders(self) -> list[Path]:
        """The saved splits in the folder of the data, in natural order of their names; none in a split itself."""
        if self.test is not None or self.is_synthetic or self.is_split():
            return []
        return sorted((file.parent for file in self.path().glob(f"*/{MANIFEST}")), key=_natural_key)

    def check_unsplit(self) -> None:
        """Raises BadData for a saved split or a folder of several, where a table of ratings is needed."""
        if self.is_split():
            raise BadData(f"{self.path()} is already split", "give the ratings that the split was made from")
        if folders := self.split_folders():
            raise BadData(f"{self.path()} holds {len(folders)} splits", f"name one of them, as in {folders[0]}")

    def read(self) -> Ratings:
        """The ratings, with those of the feedback store; raises BadData for a split, and as `read` does."""
        self.check_unsplit()
        ratings = self._read_synthetic() if self.is_synthetic else self._read_files()
        if self.ratings_from is None:
            return ratings
        return merge_feedback(ratings, self.ratings_from, scale=self.scale)

    def load_split(self) -> Split:
        """The saved split; raises BadData where features or feedback should be added to it: its parts are fixed."""
        if self.ratings_from:
            hint = "give --ratings-from to cofactor split, or to train, with the ratings that the split was made from"
            raise BadData(f"{self.data} is already split, and its parts are fixed", hint)
        if self.scale is not None:
            raise BadData(f"{self.data} is already split, and its scale is fixed", "give it to cofactor split")
        if self.user_features or self.item_features:
            raise BadData(f"{self.data} is already split, and its features are fixed", "give them to cofactor split")
        return load_exported_split(self.path()) if is_export(self.path()) else load_split(self.path())

    def open(self) -> Ratings | Split:
        """The saved split where the data are one, their ratings otherwise."""
        return self.load_split() if self.is_split() else self.read()

    def open_split(
        self, recipe: SplitRecipe | None = None, read: "Callable[[DataSource], Ratings] | None" = None
    ) -> tuple[Split, SplitRecipe | None]:
        """The saved split with None, or the split that `recipe` makes of the ratings or of the given parts, with that
        recipe.

        read: reads the ratings of a source, as `DataSource.read` does.
        """
        read, recipe = read or DataSource.read, recipe or SplitRecipe()
        if self.test is not None:
            recipe = recipe.for_given_parts()
            return recipe.join(**{name: read(part) for name, part in self.given_parts().items()}), recipe
        if self.is_split():
            return self.load_split(), None
        return recipe.split(read(self)), recipe

    def given_parts(self) -> dict[str, "DataSource"]:
        """The sources of the parts that somebody else made, by name. Feedback is merged into the train part alone."""
        train = replace(self, test=None, validation=None)
        others = {"test": self.test, "validation": self.validation}
        given = {name: replace(train, data=one, ratings_from=None) for name, one in others.items() if one is not None}
        return {"train": train, **given}

    def subfolder(self, name: str) -> "DataSource":
        """The data in a folder inside this one."""
        return replace(self, data=str(Path(self.data) / name))

    def _read_files(self) -> Ratings:
        return read(
            self.path(),
            columns=self.columns or None,
            implicit=self.implicit,
            repeats=self.repeats,
            missing=self.missing,
            time_format=self.time_format,
            scale=self.scale,
            bad_rows=self.bad_rows,
            layout=self.layout,
            delimiter=self.delimiter,
            titles=self.titles,
            user_features=self.user_features,
            item_features=self.item_features,
        )

    def _read_synthetic(self) -> Ratings:
        ratings = demo_ratings().ratings if self.scale is None else state_scale(demo_ratings().ratings, self.scale)
        return with_features(ratings, self.user_features, self.item_features, columns=self.columns)


def _natural_key(folder: Path) -> list[str | int]:
    """The text and the numbers in a name in turn, text first, so that fold-10 follows fold-9."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", folder.name)]


def is_split_folder(path: Path) -> bool:
    """Whether a folder is a split that `save_split` or `export` wrote."""
    return (path / MANIFEST).is_file() or is_exported_split(path)
