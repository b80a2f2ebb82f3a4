"""`cofactor split DATA`: train, validation and test parts as a folder with a fingerprint."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.data import MADE, Source, SplitRecipe, left_out, read_ratings, reading_options
from cofactor.cli.screen import as_json, messages, print_json, print_table, quietly, waiting
from cofactor.cli.train import recipe_of, split_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from cofactor.data.split import Split


COUNTS = "train", "validation", "test"


@click.command()
@click.argument("data", required=False, default=MADE)
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="[default: splits/NAME]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random order.")
@split_options
@click.option("--folds", type=click.IntRange(2), help="Cross-validation instead: a folder for each of so many folds.")
@click.option("--published", is_flag=True, help="The splits that come with MovieLens 100K: u1 to u5, ua, ub.")
@reading_options
@as_json
@quietly
def split(data: str, out: Path | None, folds: int | None, published: bool, **options: Any) -> None:
    """Divide DATA into train, validation and test parts, and save them as a folder.

    The parts are disjoint, and the same options give the same split. Its fingerprint goes into every model trained on
    it, so that a model is never measured on rows it has learned.
    """
    if folds and published:
        raise click.UsageError("give one of --folds and --published")
    _refuse_ignored("--folds" if folds else "--published" if published else None)
    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    recipe, source = recipe_of(options), Source.of(data, options)
    out = out or Path("splits") / Path(source.name).stem
    made = _published(source, recipe) if published else _made(source, recipe, folds, console)
    saved = list(_saved(made, out, console))
    if as_json:
        print_json({"splits": saved})
        return
    rows = [
        [one["folder"], one["kind"], one["fingerprint"][:12], *(f"{one[part]:,}" for part in COUNTS)] for one in saved
    ]
    print_table(rows, ["folder", "kind", "fingerprint", *COUNTS], left=3)


def _made(
    source: Source, recipe: SplitRecipe, folds_wanted: int | None, console: "Console"
) -> "Iterator[tuple[str, Split]]":
    """Splits by the name of their folder below the output; "" for the folder itself."""
    from cofactor.data.split import folds, split

    ratings = read_ratings(source, console)
    if folds_wanted is None:
        yield "", split(ratings, recipe.kind, seed=recipe.seed, test=recipe.test, validation=recipe.validation)
        return
    for number, one in enumerate(folds(ratings, folds_wanted, seed=recipe.seed, validation=recipe.validation), 1):
        yield f"fold-{number}", one


def _refuse_ignored(chosen: str | None) -> None:
    """An option that has no say here was meant to have one: folds and published splits bring their own test parts."""
    unread = ("columns", "bad_rows", "layout", "user_features", "item_features", "ratings_from")
    ignored = {"--folds": ("kind", "test_share"), "--published": ("kind", "test_share", *unread)}
    context = click.get_current_context()
    for name in ignored.get(chosen or "", ()):
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} has no say in {chosen}")


def _published(source: Source, recipe: SplitRecipe) -> "Iterator[tuple[str, Split]]":
    from cofactor.data.split import MOVIELENS_FOLDS, movielens_split

    for name in (*MOVIELENS_FOLDS, "ua", "ub"):
        yield name, movielens_split(source.path(), name, validation=recipe.validation, seed=recipe.seed)


def _saved(made: "Iterator[tuple[str, Split]]", out: Path, console: "Console") -> "Iterator[dict[str, Any]]":
    """Saves each split and says what it is."""
    from cofactor.data.split import save_split

    for name, one in made:
        folder = out / name
        with waiting(console, f"saving {folder}"):
            save_split(one, folder)
        counts = {part: len(rows) for part, rows in one.parts.items()}
        made_of = {"kind": one.kind, "seed": one.seed, "fingerprint": one.fingerprint, "read": left_out(one.train)}
        yield {"folder": str(folder), **made_of, **counts}
