"""A hyperparameter: its type, default, help text, bounds and search range, and the check of a value."""

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import numpy as np

from cofactor.errors import BadHyperparameter

MAX_INTEGER = (1 << 63) - 1  # manifests and kernels hold no larger whole number

__all__ = ["Bounds", "Choices", "Hyperparameter", "SearchRange"]


@dataclass(frozen=True)
class Bounds:
    """The lowest and the highest value that a hyperparameter may have."""

    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class SearchRange:
    """The range in which a search looks for the value of a number."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choices:
    """The values that a search tries for a categorical hyperparameter."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Hyperparameter:
    """A field of a trainer, as the command line, the manifest and a search use it."""

    name: str
    type: Any  # bool, int, float, str, or a Literal of the values it may have
    default: Any
    help: str
    bounds: Bounds
    search: SearchRange | None
    choices: tuple[str, ...] = ()  # of a categorical one, that a search tries
    optional: bool = False  # it may be None: then it is computed from the training ratings


def plain_value(value: Any) -> Any:
    """A value as Python has it: a number or a truth value of NumPy becomes that of Python."""
    return value.item() if isinstance(value, np.generic) else value


def check_value(trainer: str, parameter: Hyperparameter, value: Any) -> None:
    """Raises BadHyperparameter for a value of the wrong type, out of bounds, or none of the choices."""
    if value is None and parameter.optional:
        return
    if get_origin(parameter.type) is Literal:
        choices = get_args(parameter.type)
        if value not in choices:
            raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it is one of {', '.join(choices)}")
        return
    right = isinstance(value, int | float if parameter.type is float else parameter.type)
    if not right or (isinstance(value, bool) and parameter.type is not bool):
        kind = parameter.type.__name__
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}, not {kind}", f"it is the {parameter.help}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value}", "it must be a finite number")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it must be at most {MAX_INTEGER}")
    bounds = parameter.bounds
    if isinstance(value, str) or bounds.low <= value <= bounds.high:
        return
    most = "" if bounds.high == math.inf else f" and at most {bounds.high:g}"
    raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it must be at least {bounds.low:g}{most}")
