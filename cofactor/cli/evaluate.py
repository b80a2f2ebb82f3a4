"""`cofactor evaluate MODEL DATA`: every metric of a model on the test part of its split, or on other ratings."""

from pathlib import Path
from typing import Any

import click

from cofactor.cli.options.data_argument import open_ratings, reading_options, source_from_manifest
from cofactor.cli.terminal import as_json, messages, print_json, print_paragraphs, quietly, waiting
from cofactor.errors import SplitMismatch


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "-k",
    multiple=True,
    type=click.IntRange(1),
    default=(10, 20),
    show_default=True,
    help="List lengths of the ranking metrics.",
)
@click.option(
    "--relevant-from",
    type=float,
    help="The lowest test rating of a relevant item [default: positive_from of the training, else any].",
)
@reading_options
@as_json
@quietly
def evaluate(model: Path, data: str | None, k: tuple[int, ...], relevant_from: float | None, **options: Any) -> None:
    """Compute every metric of MODEL on the test part of its split, or on other ratings.

    DATA is the split that the model was trained on; or the same ratings, which are split as for training; or test
    ratings that somebody else has held out, all of which count. It may be omitted for a model of synthetic ratings.
    Ratings that the model has learned are refused. Users and items that it does not know are cold starts, and are
    counted.
    """
    from cofactor.data.kind import values_noun
    from cofactor.evaluation.evaluate import evaluate
    from cofactor.evaluation.report_text import describe_report
    from cofactor.experiments.training_split import explain_mismatch, find_relevant_from, select_test_ratings
    from cofactor.saved.model_folder import load, load_manifest

    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    manifest = load_manifest(model)
    source = source_from_manifest(manifest, data, options)
    test = select_test_ratings(manifest, open_ratings(source, console))
    if test.split is None:
        noun = values_noun(test.kind)
        console.print(f"all {len(test):,} {noun} are test {noun}", markup=False)
    if relevant_from is None:
        relevant_from = find_relevant_from(manifest["hyperparameters"])
    loaded = load(model)
    with waiting(console, "evaluating"):
        try:
            report = evaluate(loaded, test, k, relevant_from=relevant_from)
        except SplitMismatch as error:
            raise explain_mismatch(error, manifest, test) from None
    if as_json:
        print_json({"model": str(model), "split": test.split, **report.as_dict()})
    else:
        print_paragraphs(describe_report(report))
