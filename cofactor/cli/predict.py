"""`cofactor predict MODEL PAIRS`: predicted ratings for the (user, item) pairs in a file."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cofactor.cli.options.data_argument import parse_columns
from cofactor.cli.standard_streams import csv_output
from cofactor.cli.terminal import as_json, messages, print_json, quietly

if TYPE_CHECKING:
    from cofactor.evaluation.pair_predictions import PairPrediction


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("pairs", type=click.Path(path_type=Path))
@click.option(
    "--column",
    "--columns",
    "columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="Name of the column of user, item or time. Repeatable.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV file to write, instead of stdout."
)
@as_json
@quietly
def predict(model: Path, pairs: Path, columns: tuple[str, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """Predict ratings for the pairs in PAIRS (CSV, TSV or Parquet with columns user and item), as CSV.

    A model with day effects uses the times of the ratings, if PAIRS has a column of times. A model of posterior draws
    adds the column `deviation`: the standard deviation of the rating around its prediction.

    The column `fallback` says whether the user, the item or both have no training ratings; it is empty if both have
    some. A user without training ratings is scored as one with an empty history, and an item without training ratings
    by the terms of the formula that need no item.
    """
    from cofactor.atomic_folders import open_text_file
    from cofactor.evaluation.pair_predictions import predict_file, prediction_columns, write_predictions
    from cofactor.output_checks import check_output_file, is_stream
    from cofactor.saved.model_folder import load

    if out is not None and not is_stream(out):
        check_output_file(out)
    loaded = load(model)
    predictions = _start(predict_file(loaded, pairs, parse_columns(columns)))
    names = prediction_columns(loaded)
    if as_json and out is None:
        print_json({"predictions": [{name: getattr(one, name) for name in names} for one in predictions]})
        return
    with nullcontext(csv_output()) if out is None else open_text_file(out) as file:
        counts = write_predictions(predictions, names, file)
    if as_json:
        print_json({"file": str(out), **counts})
    cold = f"{counts['fallback']:,} of them with a user or an item without training ratings"
    messages(quiet).print(f"{counts['pairs']:,} pairs, {cold}")


def _start(predictions: "Iterator[PairPrediction]") -> "Iterator[PairPrediction]":
    """The same predictions, the first already made: an unreadable file is an error before anything is written."""
    first = list(islice(predictions, 1))
    return chain(first, predictions)
