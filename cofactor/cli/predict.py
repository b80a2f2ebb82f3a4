"""`cofactor predict MODEL PAIRS`: predicted ratings of (user, item) pairs in a file."""

import csv
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from cofactor.cli.display.terminal import as_json, messages, print_json, quietly
from cofactor.cli.options.data_argument import parse_columns

if TYPE_CHECKING:
    from cofactor.cli.pairs import Answer


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("pairs", type=click.Path(path_type=Path))
@click.option(
    "--column",
    "--columns",
    "columns",
    multiple=True,
    metavar="ROLE=NAME",
    help="The column of user, item or time. Repeatable.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="A CSV file instead of stdout.")
@as_json
@quietly
def predict(model: Path, pairs: Path, columns: tuple[str, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """Predicted ratings of the pairs in PAIRS (CSV, TSV or Parquet with columns user and item), as CSV.

    A model that knows days takes that of each rating from a column of times, where there is one. A model that can tell
    adds the column `deviation`: the standard deviation of the rating around its prediction.

    The column `fallback` names which of user and item had no rating in training, and is empty where both had: such a
    user gets what an empty history gets, such an item what is left of the formula without it.
    """
    from cofactor.cli.pairs import answers, columns_of
    from cofactor.saved.model_folder import load

    loaded = load(model)
    answered, names = _begun(answers(loaded, pairs, parse_columns(columns))), columns_of(loaded)
    if as_json and out is None:
        print_json({"predictions": [{name: getattr(one, name) for name in names} for one in answered]})
        return
    with nullcontext(sys.stdout) if out is None else _whole(out) as file:
        counts = _write(answered, names, file)
    if as_json:
        print_json({"file": str(out), **counts})
    messages(quiet).print(f"{counts['pairs']:,} pairs, {counts['fallback']:,} of them by fallback")


def _begun(answers: "Iterator[Answer]") -> "Iterator[Answer]":
    """The same, the first one made: a file that cannot be read is told before anything is written."""
    first = list(islice(answers, 1))
    return chain(first, answers)


@contextmanager
def _whole(path: Path) -> "Iterator[TextIO]":
    """A file to write that is there when all is written: a bad pair leaves what stood there before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    working = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with working.open("w", newline="", encoding="utf-8") as file:
            yield file
        working.replace(path)
    finally:
        working.unlink(missing_ok=True)


def _write(answers: "Iterator[Answer]", names: list[str], file: TextIO) -> dict[str, int]:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    counts = {"pairs": 0, "fallback": 0}
    for answer in answers:
        cells = (getattr(answer, name) for name in names)
        writer.writerow("" if one is None else f"{one:.4f}" if isinstance(one, float) else one for one in cells)
        counts["pairs"] += 1
        counts["fallback"] += bool(answer.fallback)
    return counts
