"""The options that say which ratings a command reads, and what it prints while it reads them."""

import re
import shlex
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cofactor.data.datasets.locations import FOLDER_VARIABLE, cache_folder

if TYPE_CHECKING:
    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.data.ratings import Ratings
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.data.splitting.split import Split

ROLES = ("user", "item", "rating", "time")
OPTIONAL = ("rating", "time")
BETWEEN_ROLES = re.compile(f",(?=(?:{'|'.join(ROLES)})=)")
READING_OPTIONS = (
    *("implicit", "missing", "time_format", "bad_rows", "layout", "delimiter", "titles", "user_features"),
    "item_features",
    "ratings_from",
)

F = TypeVar("F", bound=Callable[..., Any])

data_folder = click.option(
    "--data-folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar=FOLDER_VARIABLE,
    default=cache_folder,
    help=f"Folder of the fetched data sets [default: ~/.cache/cofactor; environment: {FOLDER_VARIABLE}].",
)


def _parse_delimiter(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    return {"tab": "\t", "\\t": "\t", "space": " "}.get(text or "", text)


def reading_options(command: F) -> F:
    """The options of every command that reads ratings."""
    for option in (
        data_folder,
        click.option(
            "--bad-rows",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="Stop at a row that cannot be used, or skip it and write it to a file.",
        ),
        click.option(
            "--column",
            "--columns",
            "columns",
            multiple=True,
            metavar="ROLE=NAME",
            help="Name or number of the column of users, items, ratings or times, as in user=CustomerID,item=3; "
            "rating= and time= for none. Repeatable.",
        ),
        click.option("--implicit", is_flag=True, help="The values are counts (plays, clicks), not ratings on a scale."),
        click.option(
            "--missing",
            multiple=True,
            metavar="VALUE",
            help="Value that means that there is no rating, as -1 or NULL; such rows are left out. Repeatable.",
        ),
        click.option(
            "--time-format",
            metavar="FORMAT",
            help="Form of the times, where it is not clear: s, ms, us or ns since 1970, iso, year, excel, or a format "
            "such as %d/%m/%Y.",
        ),
        click.option(
            "--scale",
            metavar="LOW:HIGH",
            help="Lowest and highest possible rating, as in 1:5 [default: those of the data].",
        ),
        click.option(
            "--repeated",
            type=click.Choice(["latest", "first", "sum", "count", "mean", "max"]),
            help="Value of a pair of user and item that occurs in several rows "
            "[default: latest for ratings, sum for counts, count without values].",
        ),
        click.option(
            "--layout",
            type=click.Choice(["lists", "wide"]),
            help="lists: a line per user, in the form `user item item …`. wide: a row per user, a column per item.",
        ),
        click.option(
            "--delimiter",
            metavar="TEXT",
            callback=_parse_delimiter,
            help="Text between columns: `,`, `;`, `tab`, `space` or others [default: recognised].",
        ),
        click.option(
            "--titles",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Table of item ids and titles [default: movies.csv or the like next to the ratings].",
        ),
        *(
            click.option(
                f"--{noun}-features",
                type=click.Path(path_type=Path, dir_okay=False),
                help=f"Table of {noun} features: a CSV, TSV or Parquet file with a column of {noun} ids.",
            )
            for noun in ("item", "user")
        ),
        click.option(
            "--ratings-from",
            metavar="STORE",
            help="Merge in the ratings collected by `cofactor serve`: a file, or postgresql://…",
        ),
    ):
        command = option(command)
    return command


def source_from_options(data: str | None, options: dict[str, Any]) -> "DataSource":
    """The data source of the argument and the reading options, which are removed from `options`."""
    from cofactor.data.data_source import SYNTHETIC, DataSource

    columns, folder = parse_columns(options.pop("columns")), options.pop("data_folder")
    reading = {name: options.pop(name) for name in READING_OPTIONS} | {"repeats": options.pop("repeated")}
    reading["scale"] = parse_scale(options.pop("scale"))
    return DataSource(data or SYNTHETIC, folder, columns, **reading, **take_given_parts(data, options))


def source_from_manifest(manifest: Mapping[str, Any], data: str | None, options: dict[str, Any]) -> "DataSource":
    """The data source for a saved model; the argument may be left out only where the model's data are synthetic."""
    from cofactor.data.data_source import DataSource

    recorded = manifest["notes"].get("data", "its data")
    if data is None and not DataSource(recorded).is_synthetic:
        raise click.UsageError(f"name DATA: the model was trained on {recorded}")
    if options["scale"] is None and (scale := manifest["notes"].get("scale")) is not None:
        options["scale"] = ":".join(map(str, scale))  # which was stated for the training
    return source_from_options(data, options)


def take_given_parts(data: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """The data of the parts that somebody else made, by name; the options are removed from `options`.

    Raises UsageError for a part without the others that it needs.
    """
    given = {name: part for name in ("test", "validation") if (part := options.pop(name, None)) is not None}
    if given and data is None:
        raise click.UsageError(f"--{next(iter(given))} needs DATA, the ratings to train on")
    if "validation" in given and "test" not in given:
        raise click.UsageError("--validation needs --test, the ratings to test on")
    return given


def parse_columns(given: Iterable[str]) -> dict[str, str]:
    """Columns by role, from texts of the form ROLE=NAME or ROLE=NAME,ROLE=NAME; `rating=` and `time=` mean none."""
    columns = {}
    for text in (part for one in given for part in BETWEEN_ROLES.split(one)):
        role, equals, name = text.partition("=")
        if role not in ROLES or not equals or not (name or role in OPTIONAL):
            known = ", ".join(ROLES)
            raise click.BadParameter(f"{text!r} is not ROLE=NAME with a role of {known}", param_hint="--column")
        columns[role] = name
    return columns


def parse_scale(text: str | None) -> tuple[float, float] | None:
    """The scale in a text of the form LOW:HIGH."""
    if text is None:
        return None
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not LOW:HIGH, as in 1:5", param_hint="--scale") from None


def to_shell(source: "DataSource") -> str:
    """The argument and the reading options as a shell takes them, without the password of a database."""
    options = [f"--{name}={part.data}" for name, part in source.given_parts().items() if name != "train"]
    options += [f"--column={role}={name}" for role, name in source.columns.items()]
    options += ["--implicit"] if source.implicit else []
    options += [f"--missing={value}" for value in source.missing]
    options += [f"--time-format={source.time_format}"] if source.time_format else []
    options += ["--scale={:g}:{:g}".format(*source.scale)] if source.scale else []
    options += [f"--repeated={source.repeats}"] if source.repeats else []
    options += ["--bad-rows=skip"] if source.bad_rows == "skip" else []
    options += [f"--layout={source.layout}"] if source.layout else []
    options += [f"--delimiter={source.delimiter}"] if source.delimiter else []
    options += [f"--titles={source.titles}"] if source.titles else []
    options += [f"--user-features={source.user_features}"] if source.user_features else []
    options += [f"--item-features={source.item_features}"] if source.item_features else []
    options += [f"--ratings-from={without_secrets(source.ratings_from)}"] if source.ratings_from else []
    return shlex.join([*options, *(["--"] if source.data.startswith("-") else []), source.data])


def without_secrets(address: str) -> str:
    """The address of a store for a screen: without user and password where it is a database."""
    from cofactor.feedback.open_store import display_name, is_file

    return address if is_file(address) else display_name(address)


def read_ratings(source: "DataSource", console: "Console") -> "Ratings":
    """The ratings of a source, with a line on stderr that says what was read and what was left out."""
    from cofactor.cli.terminal import waiting

    started = time.perf_counter()
    with waiting(console, f"reading {source.name}"):
        ratings = source.read()
    origin = ratings.origin
    remarks = [ratings.summary(), *((*origin.describe_columns(), *origin.remarks()) if origin else ())]
    console.print(f"{source.name}: {'; '.join(remarks)}; {time.perf_counter() - started:.1f} s", markup=False)
    return ratings


def load_split(source: "DataSource", console: "Console") -> "Split":
    """The saved split of a source, with a line on stderr that says what was read."""
    from cofactor.cli.terminal import waiting

    with waiting(console, f"reading {source.name}"):
        split = source.load_split()
    console.print(f"{source.name}: {split!r}", markup=False)
    return split


def open_ratings(source: "DataSource", console: "Console") -> "Ratings | Split":
    """`DataSource.open`, with a line on stderr that says what was read."""
    return load_split(source, console) if source.is_split() else read_ratings(source, console)


def read_selected(source: "DataSource", recipe: "SplitRecipe", console: "Console") -> "Ratings":
    """The ratings of a source that a recipe splits, with lines on stderr that say what was read and left out."""
    return select_ratings(read_ratings(source, console), recipe, console)


def select_ratings(ratings: "Ratings", recipe: "SplitRecipe", console: "Console") -> "Ratings":
    """`SplitRecipe.select`, with a line on stderr that says what was left out."""
    selected = recipe.select(ratings)
    if selected is not ratings and selected.origin is not None:
        console.print(f"{selected.origin.notes[-1]}; {selected.summary()}", markup=False)
    return selected


def read_all_ratings(source: "DataSource", recipe: "SplitRecipe", console: "Console") -> "Ratings":
    """The selected ratings of a source, of all parts where it is a split, as ratings of no split."""
    from dataclasses import replace

    from cofactor.data.splitting.split import Split, join_parts

    data = open_ratings(source, console)
    if isinstance(data, Split):
        data = join_parts(join_parts(data.train, data.validation), data.test)
    return replace(select_ratings(data, recipe, console), split=None, part=None)


def open_split(source: "DataSource", recipe: "SplitRecipe", console: "Console") -> "tuple[Split, SplitRecipe | None]":
    """`DataSource.open_split`, with a line on stderr for each table that was read."""
    if source.is_split():
        return load_split(source, console), None
    read = read_ratings if source.test is not None else partial(read_selected, recipe=recipe)
    return source.open_split(recipe, lambda part: read(part, console=console))
