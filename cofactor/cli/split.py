"""`cofactor split DATA`: saves train, validation and test parts as a folder with a fingerprint."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.data_argument import reading_options, source_from_options
from cofactor.cli.options.plan import READING, SEVERAL, make_plan, several_options
from cofactor.cli.options.seed import seed_option
from cofactor.cli.options.split import GIVEN_PARTS, MINIMUMS, refuse_ignored, split_options, take_recipe
from cofactor.cli.terminal import as_json, messages, print_json, print_table, quietly, waiting
from cofactor.data.tables.text_table import TextTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from cofactor.data.data_source import DataSource
    from cofactor.data.splitting.recipe import SplitRecipe
    from cofactor.data.splitting.split import Split


COUNTS = "train", "validation", "test"


@click.command()
@click.argument("data", required=False)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write [default: splits/NAME]."
)
@seed_option("of the split")
@split_options
@several_options
@click.option("--published", is_flag=True, help="Save the splits that come with MovieLens 100K: u1 to u5, ua, ub.")
@reading_options
@as_json
@quietly
def split(data: str | None, out: Path | None, published: bool, **options: Any) -> None:
    """Split DATA into train, validation and test parts and save them as a folder.

    The parts are disjoint, and the same options give the same split. Every model trained on a split records its
    fingerprint, so that a model is never evaluated on ratings it has learned. Each of
    several splits is saved in a folder of its own.

    \b
    cofactor split ml-1m --folds 5 --repeats 2
    cofactor split ml-100k --cut 1998-03-01
    cofactor split train.csv --test test.csv
    cofactor split --protocol ml-100k-folds
    """
    if published:
        if other := next((name for name in SEVERAL if options[name] is not None), None):
            raise click.UsageError(f"give one of --{other} and --published")
        refuse_ignored("--published", ("kind", "cut", "test_share", *MINIMUMS, *GIVEN_PARTS, *READING))
    from cofactor.output_checks import check_output_folder

    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    protocol = options["protocol"]
    recipe, source = take_recipe(options), source_from_options(data, options)
    out = out or Path("splits") / (protocol or Path(source.name).stem)
    check_output_folder(out)
    splits, several = _make_splits(source, recipe, options, published, console)
    saved = list(_save(splits, out, several, console))
    if as_json:
        print_json({"splits": saved})
        return
    rows = [
        [one["folder"], one["kind"], one["fingerprint"][:12], *(f"{one[part]:,}" for part in COUNTS)] for one in saved
    ]
    print_table(TextTable(rows, ["folder", "kind", "fingerprint", *COUNTS], left=3))


def _make_splits(
    source: "DataSource", recipe: "SplitRecipe", options: dict[str, Any], published: bool, console: "Console"
) -> "tuple[Iterator[tuple[str, Split]], bool]":
    """The splits by name, and whether there are several."""
    if published:
        return _make_published_splits(source, recipe), True
    if options["protocol"] is None:
        source.check_unsplit()
    plan = make_plan(source, recipe, options, console)
    return plan.splits(), plan.n_splits > 1


def _make_published_splits(source: "DataSource", recipe: "SplitRecipe") -> "Iterator[tuple[str, Split]]":
    from cofactor.data.datasets.published_splits import MOVIELENS_SPLITS, movielens_split

    for name in MOVIELENS_SPLITS:
        yield name, movielens_split(source.path(), name, validation=recipe.validation, seed=recipe.seed)


def _save(
    splits: "Iterator[tuple[str, Split]]", out: Path, several: bool, console: "Console"
) -> "Iterator[dict[str, Any]]":
    """Saves each split, in a folder of its name where there are several, and yields its description."""
    from cofactor.data.splitting.split import save_split

    for name, one in splits:
        folder = out / name if several else out
        with waiting(console, f"saving {folder}"):
            save_split(one, folder)
        counts = {part: len(rows) for part, rows in one.parts.items()}
        description = {
            "kind": one.kind,
            "seed": one.seed,
            "fingerprint": one.fingerprint,
            "read": one.train.origin_record(),
        }
        yield {"folder": str(folder), **description, **counts}
