"""The options that leave items out of a list of recommendations."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option("--genre", multiple=True, help="Only items of this genre, or of one of several. Repeatable."),
    click.option("--without-genre", multiple=True, metavar="GENRE", help="No items of this genre. Repeatable."),
    click.option("--year-from", type=int, metavar="YEAR", help="Only items of this year or later, by their titles."),
    click.option("--year-to", type=int, metavar="YEAR", help="Only items of this year or earlier."),
    click.option("--deny", multiple=True, metavar="ITEM", help="An item that is not listed. Repeatable."),
    click.option(
        "--candidate",
        "candidates",
        multiple=True,
        metavar="ITEM",
        help="Rank only this and other candidates. Repeatable.",
    ),
    click.option(
        "--diversity",
        type=click.FloatRange(0, 1),
        default=0.0,
        show_default=True,
        help="0 ranks by score alone; towards 1, items of a list are less similar to each other.",
    ),
)


def list_filters(command: Command) -> Command:
    """Adds the options to a command; `given_filters` of its arguments gives those that were set."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def given_filters(**values: Any) -> dict[str, Any]:
    """The options that were set, as arguments of `Model.recommend`."""
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {name: value for name, value in listed.items() if value not in (None, [], 0.0)}
