"""A hyperparameter: its type, default, help text, bounds and search range, and the check of a value."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from cofactor.errors import BadHyperparameter


@dataclass(frozen=True)
class Bounds:
    """What a number may be at all."""

    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class SearchRange:
    """Where a tuner looks for a number."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choices:
    """Which words a tuner tries."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Hyperparameter:
    """One field of a trainer, as the command line, the manifest and the tuner see it."""

    name: str
    type: Any  # bool, int, float, str, or a Literal of the words it may be
    default: Any
    help: str
    bounds: Bounds
    search: SearchRange | None
    choices: tuple[str, ...] = ()  # that a tuner tries


def check_value(trainer: str, parameter: Hyperparameter, value: Any) -> None:
    """Raises BadHyperparameter for a value of the wrong type, out of bounds, or none of the words."""
    if get_origin(parameter.type) is Literal:
        words = get_args(parameter.type)
        if value not in words:
            raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it is one of {', '.join(words)}")
        return
    right = isinstance(value, int | float if parameter.type is float else parameter.type)
    if not right or (isinstance(value, bool) and parameter.type is not bool):
        kind = parameter.type.__name__
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}, not {kind}", f"it is the {parameter.help}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value}", "it must be a finite number")
    bounds = parameter.bounds
    if isinstance(value, str) or bounds.low <= value <= bounds.high:
        return
    most = "" if bounds.high == math.inf else f" and at most {bounds.high:g}"
    raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it must be at least {bounds.low:g}{most}")
