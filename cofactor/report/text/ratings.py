"""The contents of a rating store as text."""

from datetime import UTC, datetime, timedelta

from cofactor.feedback.store import RatingEvent
from cofactor.feedback.summary import StoreSummary


def store_facts(summary: StoreSummary) -> dict[str, str]:
    """The counts of a store and its newest event, by name."""
    facts = {
        "ratings": f"{summary.ratings:,}",
        "taken back": f"{summary.deletions:,}",
        "users": f"{summary.users:,}",
        "items": f"{summary.items:,}",
    }
    return facts if summary.newest is None else {**facts, "newest": describe_event(summary.newest)}


def describe_event(event: RatingEvent) -> str:
    """An event as a sentence, with its time in UTC."""
    try:
        at = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=event.time):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        at = f"{event.time} s since 1970"
    action = "deleted" if event.rating is None else f"rated {event.rating:g}"
    return f"{at}: user {event.user} {action} item {event.item}"
