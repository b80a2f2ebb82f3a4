"""`cofactor evaluate MODEL DATA`: every metric of a model on the test part of the split it was trained on."""

from pathlib import Path
from typing import Any

import click

from cofactor.cli.options.data_argument import open_split, reading_options, source_from_manifest
from cofactor.cli.terminal import as_json, messages, print_json, print_paragraphs, quietly, waiting


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
    help="The lowest test rating of a relevant item [default: every test item is relevant].",
)
@reading_options
@as_json
@quietly
def evaluate(model: Path, data: str | None, k: tuple[int, ...], relevant_from: float | None, **options: Any) -> None:
    """Compute every metric of MODEL on the test part of DATA.

    DATA is the split that the model was trained on, or the same ratings, which are then split as for training. It may
    be omitted for a model of synthetic ratings. Another split is refused, because its test rows may be training rows of
    the model.
    """
    from cofactor.evaluation.evaluate import evaluate
    from cofactor.experiments.training_split import check_training_split, training_recipe
    from cofactor.report.text.evaluation import describe_report
    from cofactor.saved.model_folder import load, load_manifest

    as_json, console = options.pop("as_json"), messages(options.pop("quiet"))
    manifest = load_manifest(model)
    split, _ = open_split(source_from_manifest(manifest, data, options), training_recipe(manifest), console)
    check_training_split(manifest, split)
    loaded = load(model)
    with waiting(console, "evaluating"):
        report = evaluate(loaded, split.test, k, relevant_from=relevant_from)
    if as_json:
        print_json({"model": str(model), "split": split.fingerprint, **report.as_dict()})
    else:
        print_paragraphs(describe_report(report))
