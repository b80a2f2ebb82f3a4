"""What a DATA argument means: a known name, a file, a MovieLens folder or zip, a split folder, or the made data."""

import os
import re
import shlex
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from cofactor.errors import CofactorError, SplitMismatch, Unavailable

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.ratings import Ratings
    from cofactor.data.splitting.split import Split, SplitKind
    from cofactor.data.synthetic.generate import SyntheticRatings

MADE = "made"
FOLDER_VARIABLE = "COFACTOR_DATA"
ROLES = ("user", "item", "rating", "time")
BETWEEN_ROLES = re.compile(f",(?=(?:{'|'.join(ROLES)})=)")

F = TypeVar("F", bound=Callable[..., Any])


def default_folder() -> Path:
    """Where fetched data sets lie unless `--data-folder` or COFACTOR_DATA says otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cofactor"


def usual_folder() -> Path:
    """Where they lie without `--data-folder`."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else default_folder()


data_folder = click.option(
    "--data-folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=FOLDER_VARIABLE,
    default=default_folder,
    help=f"Where fetched data sets lie [default: ~/.cache/cofactor; environment: {FOLDER_VARIABLE}].",
)


def reading_options(command: F) -> F:
    """The options of every command that reads ratings."""
    for option in (
        data_folder,
        click.option(
            "--bad-rows",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="Whether a row that cannot be used ends reading, or is left out and written to a file.",
        ),
        click.option(
            "--column",
            "--columns",
            "columns",
            multiple=True,
            metavar="ROLE=NAME",
            help="The column of user, item, rating or time, such as user=CustomerID. Repeatable.",
        ),
        click.option("--layout", type=click.Choice(["lists"]), help="lists: a line for each user, `user item item …`."),
        *(
            click.option(
                f"--{noun}-features",
                type=click.Path(path_type=Path, dir_okay=False),
                help=f"A table of what is known of {noun}s: a CSV, TSV or Parquet file with a column of their ids.",
            )
            for noun in ("item", "user")
        ),
        click.option(
            "--ratings-from",
            metavar="STORE",
            help="Amend them by what people rated while a model was served: a file, or postgresql://…",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Source:
    """A DATA argument with how to read it."""

    data: str
    folder: Path
    columns: dict[str, str]
    bad_rows: str
    layout: Literal["lists"] | None = None
    user_features: Path | None = None
    item_features: Path | None = None
    ratings_from: str | None = field(default=None, repr=False)  # an address may hold a password

    @classmethod
    def of(cls, data: str | None, options: dict[str, Any]) -> "Source":
        """From the argument and the reading options, which are taken out of `options`."""
        columns, folder = named_columns(options.pop("columns")), options.pop("data_folder")
        named = ("bad_rows", "layout", "user_features", "item_features", "ratings_from")
        more = {name: options.pop(name) for name in named}
        return cls(data or MADE, folder, columns, **more)

    @classmethod
    def of_model(cls, manifest: dict[str, Any], data: str | None, options: dict[str, Any]) -> "Source":
        """The same for a model's own data, which may be left out only where that is the made data."""
        recorded = manifest["notes"].get("data", "its data")
        if data is None and recorded != MADE:
            raise click.UsageError(f"which data? The model was trained on {recorded}")
        return cls.of(data, options)

    @property
    def name(self) -> str:
        """What the data is called in a manifest: its name, not where it lies on this machine."""
        return Path(self.data).name or self.data

    def as_typed(self) -> str:
        """The argument and its options as a shell takes them."""
        options = [f"--column={role}={name}" for role, name in self.columns.items()]
        options += ["--bad-rows=skip"] if self.bad_rows == "skip" else []
        options += [f"--layout={self.layout}"] if self.layout else []
        options += [f"--user-features={self.user_features}"] if self.user_features else []
        options += [f"--item-features={self.item_features}"] if self.item_features else []
        options += [f"--ratings-from={without_secrets(self.ratings_from)}"] if self.ratings_from else []
        return shlex.join([*options, *(["--"] if self.data.startswith("-") else []), self.data])

    def path(self) -> Path:
        """Where the data lies; raises Unavailable for a known data set that is not in the data folder."""
        from cofactor.data.datasets.fetch import DATASETS

        there = Path(self.data)
        if self.data not in DATASETS:
            if there.exists():
                return there
            raise unknown_data(self.data, [*DATASETS, MADE])
        for place in (self.folder / self.data, self.folder / f"{self.data}.zip", there):
            if place.exists():
                return place
        where = [] if self.folder == usual_folder() else ["--data-folder", str(self.folder)]
        raise Unavailable(f"{self.data} is not in {self.folder}", shlex.join(["cofactor", "fetch", self.data, *where]))


def unknown_data(name: str, known: list[str]) -> CofactorError:
    """The error for a DATA argument that is neither a known name nor a path."""
    import difflib

    from cofactor.errors import BadData

    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"a file, a folder, or one of {', '.join(known)}"
    return BadData(f"no such data: {name}", hint)


@dataclass(frozen=True)
class SplitRecipe:
    """How ratings were split in memory, so that the same split can be made again."""

    kind: "SplitKind" = "random"
    seed: int = 0
    test: float = 0.1
    validation: float = 0.1
    cut: int | None = None  # seconds since 1970, in place of kind and test share

    def split(self, ratings: "Ratings") -> "Split":
        """The split that it makes of ratings."""
        from cofactor.data.splitting.split import split
        from cofactor.data.splitting.time_windows import split_at_time

        if self.cut is not None:
            return split_at_time(ratings, self.cut, validation=self.validation)
        return split(ratings, self.kind, seed=self.seed, test=self.test, validation=self.validation)


def read_ratings(source: Source, console: "Console") -> "Ratings":
    """The ratings of a source, with a line on stderr that says what was read and what was left out."""
    from cofactor.cli.display.terminal import waiting

    if source.data != MADE:
        refuse_splits(source.path())
    started = time.perf_counter()
    with waiting(console, f"reading {source.name}"):
        ratings = _made_ratings(source) if source.data == MADE else _read(source)
        ratings = _amended(ratings, source.ratings_from) if source.ratings_from else ratings
    console.print(f"{source.name}: {summary(ratings)}; {time.perf_counter() - started:.1f} s", markup=False)
    return ratings


def is_split(path: Path) -> bool:
    """Whether a folder is a saved split, or one that was exported."""
    from cofactor.data.exporting.manifest import is_exported_split
    from cofactor.data.splitting.saved_split import MANIFEST

    return (path / MANIFEST).is_file() or is_exported_split(path)


def refuse_splits(path: Path) -> None:
    """A split, or a folder of splits, is no file of ratings: its parts would be taken for several."""
    from cofactor.data.splitting.saved_split import MANIFEST
    from cofactor.errors import BadData

    if is_split(path):
        raise BadData(f"{path} is a split already", "give the ratings it was made of")
    if inside := sorted(one.parent for one in path.glob(f"*/{MANIFEST}")):
        raise BadData(f"{path} holds {len(inside)} splits", f"name one of them, as in {inside[0]}")


def _refuse_more(source: Source) -> None:
    """What is in a split is fixed: whatever adds to the ratings comes before."""
    from cofactor.errors import BadData

    if source.ratings_from:
        hint = "give --ratings-from to cofactor split, or to train, with the ratings that it was made of"
        raise BadData(f"{source.data} is a split already, whose parts are fixed", hint)
    if source.user_features or source.item_features:
        raise BadData(f"{source.data} is a split already, with features or without", "give them to cofactor split")


def summary(ratings: "Ratings") -> str:
    """One line: what was read, and what was left out and why."""
    users, items = len(ratings.users), len(ratings.items)
    low, high = ratings.scale
    said = [f"{len(ratings):,} ratings from {low:g} to {high:g} by {users:,} users on {items:,} items"]
    origin = ratings.origin
    if origin is not None and origin.duplicates:
        said.append(f"{origin.duplicates:,} earlier ratings of a pair rated again left out")
    if origin is not None and origin.rejected:
        where = f", written to {origin.rejected_file}" if origin.rejected_file else ""
        said.append(f"{origin.rejected:,} bad rows left out{where}")
    for noun, features in (("user", ratings.user_features), ("item", ratings.item_features)):
        if features is not None:
            said.append(f"{len(features.names):,} features of {noun}s")
    said += origin.notes if origin is not None else ()
    if origin is not None and (later := origin.amended) is not None:
        said.append(
            f"of {later.name} {later.added:,} added, {later.replaced:,} replaced, {later.taken_back:,} taken back"
        )
    return "; ".join(said)


def left_out(ratings: "Ratings") -> dict[str, Any] | None:
    """What reading met, left out and amended, as JSON; None where the ratings were not read just now."""
    origin = ratings.origin
    if origin is None:
        return None
    file = None if origin.rejected_file is None else str(origin.rejected_file)
    counts = {"rows": origin.rows, "repeated": origin.duplicates, "rejected": origin.rejected}
    amended = None if origin.amended is None else asdict(origin.amended)
    return {**counts, "rejected_file": file, "notes": list(origin.notes), "ratings_from": amended}


def open_split(source: Source, recipe: SplitRecipe, console: "Console") -> tuple["Split", SplitRecipe | None]:
    """The split a source is, or the one the recipe makes of its ratings (with that recipe)."""
    from cofactor.cli.display.terminal import waiting
    from cofactor.data.exporting.export import load_exported_split
    from cofactor.data.exporting.manifest import is_export
    from cofactor.data.splitting.split import load_split

    if source.data != MADE and is_split(source.path()):
        _refuse_more(source)
        with waiting(console, f"reading {source.name}"):
            parts = load_exported_split(source.path()) if is_export(source.path()) else load_split(source.path())
        console.print(f"{source.name}: {parts!r}", markup=False)
        return parts, None
    ratings = read_ratings(source, console)
    with waiting(console, "splitting"):
        parts = recipe.split(ratings)
    return parts, recipe


def open_split_of(manifest: dict[str, Any], source: Source, console: "Console") -> "Split":
    """The split a saved model was trained on, opened or made again from DATA; raises SplitMismatch for another."""
    recorded = manifest["notes"].get("split_recipe")
    recipe = SplitRecipe(**recorded) if recorded else SplitRecipe()
    split, made = open_split(source, recipe, console)
    wanted = manifest["split"]
    if wanted is not None and split.fingerprint != wanted:
        how = "this file" if made else "this split"
        raise SplitMismatch(
            f"the model was trained on split {wanted[:12]}, {how} gives {split.fingerprint[:12]}",
            "measure it on the split it was trained on: other test rows may be rows it has learned",
        )
    return split


def _read(source: Source) -> "Ratings":
    from cofactor.data.reading.read import read

    return read(
        source.path(),
        columns=source.columns or None,
        bad_rows=source.bad_rows,
        layout=source.layout,
        user_features=source.user_features,
        item_features=source.item_features,
    )


def _amended(ratings: "Ratings", address: str) -> "Ratings":
    """With what a store holds, as it stands now."""
    import numpy as np

    from cofactor.data.merge_feedback import amended
    from cofactor.feedback.store import existing_store, shown

    with closing(existing_store(address)) as store:
        words = list(store.all())
    values = np.array([np.nan if one.rating is None else one.rating for one in words], dtype=np.float64)
    times = np.array([one.time for one in words], dtype=np.int64)
    return amended(ratings, shown(address), [one.user for one in words], [one.item for one in words], values, times)


def without_secrets(address: str) -> str:
    """An address for a screen: of a database without user and password."""
    from cofactor.feedback.store import is_file, shown

    return address if is_file(address) else shown(address)


def _made_ratings(source: Source) -> "Ratings":
    ratings = made().ratings
    if source.user_features is None and source.item_features is None:
        return ratings
    from cofactor.data.reading.read import with_features

    return with_features(ratings, source.user_features, source.item_features, columns=source.columns)


def made() -> "SyntheticRatings":
    """The made data: the same ratings everywhere, and the best RMSE that is possible on them."""
    from cofactor.data.synthetic.generate import generate_from_recipe
    from cofactor.data.synthetic.ground_truth import SyntheticRecipe

    return generate_from_recipe(
        SyntheticRecipe(users=2_000, items=800, per_user=60, seed=0, pattern="taste", rank=8, noise=0.5)
    )


def named_columns(given: Iterable[str]) -> dict[str, str]:
    """Column names by role, from texts of ROLE=NAME or ROLE=NAME,ROLE=NAME; `time=` says that there are no times."""
    named = {}
    for text in (part for one in given for part in BETWEEN_ROLES.split(one)):
        role, equals, name = text.partition("=")
        if role not in ROLES or not equals or not (name or role == "time"):
            known = ", ".join(ROLES)
            raise click.BadParameter(f"{text!r} is not ROLE=NAME with a role of {known}", param_hint="--column")
        named[role] = name
    return named
