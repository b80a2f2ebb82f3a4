"""The options that say how ratings are split: the defaults of `cofactor split`."""

import math
import re
from datetime import UTC, datetime
from typing import Any

import click

from cofactor.data.splitting.recipe import SplitRecipe


def split_options(command: Any) -> Any:
    """How DATA is split where it is not a split yet; the defaults of `cofactor split`."""
    default = SplitRecipe()
    share = click.FloatRange(0, 1, max_open=True)
    for option in (
        click.option(
            "--validation-share",
            type=share,
            default=default.validation,
            show_default=True,
            help="Of the rest, to choose the epoch on.",
        ),
        click.option(
            "--test-share", type=share, default=default.test, show_default=True, help="Of all ratings, to measure on."
        ),
        click.option(
            "--cut",
            metavar="DATE",
            callback=_moment,
            help="Test what was rated from a date on, or from so many seconds since 1970 on; in place of --kind.",
        ),
        click.option(
            "--kind",
            type=click.Choice(["random", "per-user", "time", "last", "one"]),
            default=default.kind,
            show_default=True,
            help="How to split: at random, a share of each user's, the latest of all, each user's last, or any one.",
        ),
    ):
        command = option(command)
    return command


def recipe_of(options: dict[str, Any]) -> SplitRecipe:
    """The recipe in the split options, which are taken out of `options` with the seed."""
    shares = options.pop("test_share"), options.pop("validation_share")
    return SplitRecipe(options.pop("kind"), options.pop("seed"), *shares, cut=_cut(options.pop("cut")))


def _moment(context: click.Context, parameter: click.Parameter, written: str | None) -> int | None:
    """Seconds since 1970, of those or of a date with a time of day or without, in UTC where no zone is given."""
    if written is None:
        return None
    try:
        if re.fullmatch(r"-?\d+", written):
            return int(written)
        moment = datetime.fromisoformat(written)
    except ValueError:
        said = f"{written!r} is neither a date such as 2000-11-01 nor seconds since 1970"
        raise click.BadParameter(said, context, parameter) from None
    return math.ceil((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _cut(moment: int | None) -> int | None:
    """A cut, which leaves nothing for the kind and the test share to say."""
    context = click.get_current_context()
    for name in ("kind", "test_share") if moment is not None else ():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} has no say in --cut")
    return moment
