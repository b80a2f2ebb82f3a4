"""`cofactor ratings STORE`: counts or prints the ratings collected while a model was served."""

import sys
from contextlib import closing

import click

from cofactor.cli.terminal import as_json, print_facts, print_json


@click.command()
@click.argument("store")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print all ratings as CSV with the columns user, item, rating, time."
)
@as_json
def ratings(store: str, as_csv: bool, as_json: bool) -> None:
    """Count the ratings in STORE, a file or postgresql://…, and show the newest one.

    In the CSV output, an empty rating means that the user deleted it, and times are in seconds since 1970. A service
    may write to the store meanwhile: the output shows the store as it was when the command started.
    """
    from cofactor.feedback.open_store import display_name, existing_store
    from cofactor.feedback.summary import StoreSummary, write_events
    from cofactor.report.text.ratings import store_facts

    if as_csv and as_json:
        raise click.UsageError("give one of --csv and --json")
    with closing(existing_store(store)) as opened:
        if as_csv:
            write_events(opened.all_events(), sys.stdout)
            return
        name, summary = display_name(store), StoreSummary.from_events(opened.all_events())
    if as_json:
        print_json({"store": name, **summary.as_dict()})
    else:
        print_facts({"store": name, **store_facts(summary)})
