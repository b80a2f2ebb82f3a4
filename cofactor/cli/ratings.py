"""`cofactor ratings STORE`: counts, prints or erases the ratings collected while a model was served."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cofactor.cli.standard_streams import csv_output
from cofactor.cli.terminal import as_json, print_facts, print_json

if TYPE_CHECKING:
    from cofactor.feedback.store import RatingStore


@click.command()
@click.argument("store")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print all ratings as CSV with the columns user, item, rating, time."
)
@click.option("--forget", metavar="USER", help="Erase all ratings of USER, and leave USER out of the next training.")
@click.option(
    "--titles-of",
    "model",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Accept the titles of the model in this folder as those of the items in STORE.",
)
@as_json
def ratings(store: str, as_csv: bool, forget: str | None, model: Path | None, as_json: bool) -> None:
    """Count the ratings in STORE, a file or postgresql://…, and show the newest one.

    In the CSV output, an empty rating means that the user deleted it, and times are in seconds since 1970. A service
    may write to the store meanwhile: the output shows the store as it was when the command started.
    """
    from cofactor.feedback.open_store import display_name, existing_store
    from cofactor.feedback.summary import StoreSummary, write_events
    from cofactor.report.text.ratings import store_facts

    if sum((as_csv, forget is not None, model is not None)) > 1 or (as_csv and as_json):
        raise click.UsageError("give one of --csv, --json, --forget and --titles-of")
    with closing(existing_store(store)) as opened:
        if as_csv:
            write_events(opened.all_events(), csv_output())
            return
        name = display_name(store)
        if forget is not None or model is not None:
            done = _forget(opened, forget) if forget is not None else _take_titles(opened, model)
            if as_json:
                print_json({"store": name, **done})
            else:
                print_facts({"store": name, **{key: str(value) for key, value in done.items()}})
            return
        summary = StoreSummary.from_events(opened.all_events())
    if as_json:
        print_json({"store": name, **summary.as_dict()})
    else:
        print_facts({"store": name, **store_facts(summary)})


def _forget(store: "RatingStore", user: str) -> dict[str, str | int]:
    from cofactor.ids import check_id

    user = check_id(user, "user")
    erased = store.forget(user)
    click.echo("models keep what they learned from the user until they are trained with --ratings-from STORE", err=True)
    return {"user": user, "forgotten": erased}


def _take_titles(store: "RatingStore", model: Path | None) -> dict[str, str | int]:
    from cofactor.feedback.catalogue import sample_titles
    from cofactor.saved.model_folder import load

    assert model is not None
    titles = sample_titles(load(model).training_data.titles_by_id())
    store.replace_titles(titles)
    return {"titles": len(titles)}
