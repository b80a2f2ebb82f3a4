"""Defaults that Python and the command line share: what an option stands for is what Python does without it."""

import inspect
from collections.abc import Callable
from typing import Any

import click
import pytest

import cofactor
from cofactor.cli import cofactor as program
from cofactor.experiments.comparison.compare import compare_trainers
from cofactor.experiments.tuning.tune import sweep

OTHER = {  # where the command says itself what stands for nothing given, or has a flag that reverses the meaning
    ("compare", "k"): "those of the plan; the command's plan has lists of 10",
    ("tune", "trials"): "50, or no bound where minutes are given",
    ("tune", "minutes"): "10, or no bound where trials are given",
    ("tune", "test"): "the command's option is the test part; in Python it says whether to measure on it",
    ("split", "test"): "the command's option is the test part; in Python it may be a share",
}


def options(command: str, *more: str) -> dict[str, Any]:
    """The defaults of a command's options, those of a trainer's own command of train and tune included."""
    found: dict[str, Any] = {}
    context, one = click.Context(program), program.get_command(click.Context(program), command)
    for name in ("", *more):
        if name:
            assert isinstance(one, click.Group)
            one = one.get_command(context, name)
        assert one is not None
        for option in one.params:
            if isinstance(option, click.Option):
                given = option.get_default(context)
                default = (
                    given if isinstance(given, bool | int | float | str | tuple) else None
                )  # click has a mark of its own
                found[option.name or ""] = False if option.is_flag and default is None else default
    return found


@pytest.mark.parametrize(
    ("command", "function"),
    [
        (("train", "svd"), cofactor.fit),
        (("compare",), compare_trainers),
        (("tune", "svd"), cofactor.tune),
        (("tune", "svd"), sweep),
        (("evaluate",), cofactor.evaluate),
        (("split",), cofactor.split),
    ],
)
def test_an_argument_and_its_option_have_one_default(command: tuple[str, ...], function: Callable[..., Any]) -> None:
    there, compared = options(*command), 0
    for name, parameter in inspect.signature(function).parameters.items():
        if name in there and parameter.default is not parameter.empty and (command[0], name) not in OTHER:
            default = 0 if there[name] is None and isinstance(parameter.default, int) else there[name]
            assert (parameter.default, name) == (default, name)
            compared += 1
    assert compared > 0
