"""The options for splitting ratings, with the defaults of `cofactor split`."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from cofactor.cli.options.finite_range import FiniteRange
from cofactor.data.splitting.recipe import SplitRecipe

GIVEN_PARTS = {  # by name, and what each is for
    "validation": "choose the epoch on, where they are in a table of their own",
    "test": "test on, where somebody has split them from the training ratings",
}
MINIMUMS = ("min_ratings", "min_raters")
SPLITTING = ("kind", "cut", "test_share", "validation_share", *MINIMUMS)


def split_options(command: Any) -> Any:
    """Adds the options for splitting DATA, where it is not a split already, and those for parts that are given."""
    default = SplitRecipe()
    share = FiniteRange(0, 1, max_open=True)
    for option in (
        *(
            click.option(f"--{name}", metavar="DATA", help=f"Ratings to {purpose}; DATA is the training part then.")
            for name, purpose in GIVEN_PARTS.items()
        ),
        *(
            click.option(
                f"--{name}",
                type=click.IntRange(1),
                default=1,
                show_default=True,
                help=f"Fewest ratings of {noun}; others are left out before the split, until both minimums hold.",
            )
            for name, noun in (("min-raters", "an item"), ("min-ratings", "a user"))
        ),
        click.option(
            "--validation-share",
            type=share,
            default=default.validation,
            show_default=True,
            help="Ratings to hold out for choosing the epoch, as a share of those that are not test ratings.",
        ),
        click.option(
            "--test-share",
            type=share,
            default=default.test,
            show_default=True,
            help="Ratings to hold out for testing, as a share of all ratings.",
        ),
        click.option(
            "--cut",
            metavar="DATE",
            callback=_parse_date,
            help="Test on the ratings from a date on (or seconds since 1970), instead of --kind.",
        ),
        click.option(
            "--kind",
            type=click.Choice(["random", "per-user", "time", "last", "one"]),
            default=default.kind,
            show_default=True,
            help="Ratings to hold out: a random share of all or of each user's, the latest of all, "
            "or each user's latest (last) or any one (one).",
        ),
    ):
        command = option(command)
    return command


def take_recipe(options: dict[str, Any]) -> SplitRecipe:
    """The recipe in the split options, which are removed from `options` together with the seed."""
    if _is_given("test"):
        refuse_ignored("--test", ("kind", "cut", "test_share", *MINIMUMS))
    if _is_given("validation"):
        refuse_ignored("--validation", ("validation_share",))
    shares = options.pop("test_share"), options.pop("validation_share")
    fewest = {name: options.pop(name) for name in MINIMUMS}
    return SplitRecipe(options.pop("kind"), options.pop("seed"), *shares, _check_cut(options.pop("cut")), **fewest)


def refuse_split_options(data: str) -> None:
    """Raises UsageError for options that say how to split ratings, where the data are split already."""
    for name in (*SPLITTING, *GIVEN_PARTS):
        if _is_given(name):
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect: {data} is already split")


def refuse_ignored(chosen: str, names: Iterable[str]) -> None:
    """Raises UsageError for an option on the command line that has no effect with another."""
    for name in names:
        if _is_given(name):
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect with {chosen}")


def _is_given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _parse_date(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """Seconds since 1970 of a date, with or without a time of day; in UTC where no time zone is given."""
    if text is None:
        return None
    try:
        if re.fullmatch(r"-?\d+", text):
            return int(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is neither a date such as 2000-11-01 nor seconds since 1970"
        raise click.BadParameter(message, context, parameter) from None
    return math.ceil((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _check_cut(moment: int | None) -> int | None:
    """The cut; raises UsageError for options that have no effect with one."""
    if moment is not None:
        refuse_ignored("--cut", ("kind", "test_share"))
    return moment
