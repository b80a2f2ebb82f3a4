"""`cofactor compare MODELS --on DATA`: several models on one test set."""

from pathlib import Path
from typing import Any

import click

from cofactor.cli.data import Source, open_split_of, reading_options
from cofactor.cli.screen import as_json, messages, print_json, quietly, waiting


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--on", "data", help="The split, or the ratings, that all were trained on.")
@click.option("-k", multiple=True, type=click.IntRange(1), default=(10,), show_default=True, help="Lengths of list.")
@click.option("--relevant-from", type=float, help="The lowest test rating a list should find [default: any].")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for comparison.csv, comparison.json and comparison.md.",
)
@reading_options
@as_json
@quietly
def compare(
    models: tuple[Path, ...],
    data: str | None,
    k: tuple[int, ...],
    relevant_from: float | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Measure MODELS on one test part, and say which differences are more than chance.

    Each difference is from the best model, over the same ratings or users, with its 95 % interval.

    \b
    cofactor compare models/* --on splits/ml-1m -o report/
    """
    from cofactor.artifact import load, load_manifest
    from cofactor.cli.comparing import print_comparison, write_comparison
    from cofactor.evaluation.compare import compare
    from cofactor.evaluation.cost import Cost

    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    named = names(models)
    if len({path.resolve() for path in models}) < len(models):
        raise click.UsageError("a model is given twice")
    manifests = {name: load_manifest(path) for name, path in named.items()}
    first = next(iter(manifests.values()))
    split = open_split_of(first, Source.of_model(first, data, options), console)
    loaded = {name: load(path) for name, path in named.items()}
    costs = {name: Cost(fit_seconds=m["notes"].get("fit_seconds")) for name, m in manifests.items()}
    with waiting(console, "measuring"):
        comparison = compare(loaded, split.test, k, relevant_from=relevant_from, costs=costs)
    if out is not None:
        write_comparison(comparison, out)
        console.print(f"written to {out}/comparison.csv, .json and .md")
    if as_json:
        print_json(comparison.as_dict())
    else:
        print_comparison(comparison)


def names(models: tuple[Path, ...]) -> dict[str, Path]:
    """Folders by a name for each: the last part of its path, or the whole path where that is not enough."""
    last = [path.resolve().name for path in models]
    return {name if last.count(name) == 1 else str(path): path for name, path in zip(last, models, strict=True)}
