"""The option for the random seed, which all commands with random numbers have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

MAX_SEED = (1 << 63) - 1  # manifests and databases hold no larger whole number


Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def seed_option(purpose: str) -> Callable[[Decorated], Decorated]:
    """The option --seed; purpose: what the seed is for."""
    return click.option(
        "--seed",
        type=click.IntRange(max=MAX_SEED),
        default=0,
        show_default="0",
        metavar="INTEGER",
        help=f"Random seed {purpose}.",
    )
