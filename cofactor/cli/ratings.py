"""`cofactor ratings STORE`: counts or prints the ratings collected while a model was served."""

import csv
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.terminal import as_json, print_facts, print_json

if TYPE_CHECKING:
    from cofactor.feedback.store import RatingEvent


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

    if as_csv and as_json:
        raise click.UsageError("give one of --csv and --json")
    with closing(existing_store(store)) as opened:
        if as_csv:
            _write(opened.all_events())
            return
        facts = {"store": display_name(store), **_count(opened.all_events())}
    if as_json:
        print_json(facts)
    else:
        print_facts(_format(facts))


def _write(events: "Iterable[RatingEvent]") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("user", "item", "rating", "time"))
    writer.writerows((one.user, one.item, "" if one.rating is None else one.rating, one.time) for one in events)


def _count(events: "Iterable[RatingEvent]") -> dict[str, Any]:
    """Counts, and the newest event: of equal times, the last by user and item."""
    newest, counts, users, items = None, {"ratings": 0, "taken_back": 0}, set(), set()
    for one in events:
        counts["ratings" if one.rating is not None else "taken_back"] += 1
        users.add(one.user)
        items.add(one.item)
        newest = one if newest is None or one.time >= newest.time else newest
    return {**counts, "users": len(users), "items": len(items), "newest": newest}


def _format(facts: dict[str, Any]) -> dict[str, str]:
    from datetime import UTC, datetime, timedelta

    newest: RatingEvent | None = facts.pop("newest")
    texts = {key.replace("_", " "): one if isinstance(one, str) else f"{one:,}" for key, one in facts.items()}
    if newest is None:
        return texts
    try:
        at = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=newest.time):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        at = f"{newest.time} s since 1970"
    action = "deleted" if newest.rating is None else f"rated {newest.rating:g}"
    return {**texts, "newest": f"{at}: user {newest.user} {action} item {newest.item}"}
