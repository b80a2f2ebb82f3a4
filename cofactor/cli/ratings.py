"""`cofactor ratings STORE`: what people rated while a model was served."""

import csv
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.display.terminal import as_json, print_facts, print_json

if TYPE_CHECKING:
    from cofactor.feedback.store import RatingEvent


@click.command()
@click.argument("store")
@click.option("--csv", "as_csv", is_flag=True, help="All of it as CSV: user, item, rating, time.")
@as_json
def ratings(store: str, as_csv: bool, as_json: bool) -> None:
    """How much STORE holds, and the newest of it. STORE is a file, or postgresql://…

    As CSV an empty rating is one that was taken back, and a time is seconds since 1970. A service may go on writing:
    what is shown is the store as it stood when it was asked.
    """
    from cofactor.feedback.open_store import display_name, existing_store

    if as_csv and as_json:
        raise click.UsageError("give one of --csv and --json")
    with closing(existing_store(store)) as opened:
        if as_csv:
            _write(opened.all_events())
            return
        facts = {"store": display_name(store), **_counted(opened.all_events())}
    if as_json:
        print_json(facts)
    else:
        print_facts(_in_words(facts))


def _write(words: "Iterable[RatingEvent]") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("user", "item", "rating", "time"))
    writer.writerows((one.user, one.item, "" if one.rating is None else one.rating, one.time) for one in words)


def _counted(words: "Iterable[RatingEvent]") -> dict[str, Any]:
    """Counts in one pass, and the newest word: of equal times, the last by user and item."""
    newest, counts, users, items = None, {"ratings": 0, "taken_back": 0}, set(), set()
    for one in words:
        counts["ratings" if one.rating is not None else "taken_back"] += 1
        users.add(one.user)
        items.add(one.item)
        newest = one if newest is None or one.time >= newest.time else newest
    return {**counts, "users": len(users), "items": len(items), "newest": newest}


def _in_words(facts: dict[str, Any]) -> dict[str, str]:
    from datetime import UTC, datetime, timedelta

    newest: RatingEvent | None = facts.pop("newest")
    told = {key.replace("_", " "): one if isinstance(one, str) else f"{one:,}" for key, one in facts.items()}
    if newest is None:
        return told
    try:
        at = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=newest.time):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        at = f"{newest.time} s since 1970"
    did = "took back" if newest.rating is None else f"rated {newest.rating:g}"
    return {**told, "newest": f"{at}: user {newest.user} {did} item {newest.item}"}
