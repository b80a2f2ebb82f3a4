"""What a search goes over: ranges and words of hyperparameters, and what is fixed."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from cofactor.errors import BadHyperparameter
from cofactor.trainers.base import Trainer
from cofactor.training.hyperparameter import Hyperparameter, SearchRange, check_value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

NOT_PART_OF_THE_SEARCH = "threads", "device"  # decide how soon a result is there, not which
DIGITS = 4  # of a number that is tried, so that it can be typed
NAME = r"\s*[A-Za-z][\w-]*\s*"
NEXT = re.compile(rf",(?={NAME}(?:=|$|,))")  # a comma before a name, not one in a list of widths
NEXT_VALUES = re.compile(rf",(?={NAME}=)")  # nor one in a list of values


@dataclass(frozen=True)
class NumericAxis:
    """Numbers from low to high, both of them possible, evenly likely as they are or by their logarithms."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.integer else math.inf

    def contains(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def distribution(self) -> "BaseDistribution":
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def round(self, value: Any) -> Any:
        """A number as it is tried: of few digits, within the range."""
        if self.integer:
            return int(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}" + (":log" if self.log else "")


@dataclass(frozen=True)
class CategoricalAxis:
    """One of several values, of which none is nearer to another than to a third."""

    choices: tuple[Any, ...]

    @property
    def size(self) -> float:
        return len(self.choices)

    def contains(self, value: Any) -> bool:
        return value in self.choices

    def distribution(self) -> "BaseDistribution":
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.choices)

    def round(self, value: Any) -> Any:
        return value

    def __str__(self) -> str:
        return ":".join(str(word) for word in self.choices)


Axis = NumericAxis | CategoricalAxis


@dataclass(frozen=True)
class SearchSpace:
    """What is tried of a trainer: one value of each axis, and the fixed ones."""

    trainer: type[Trainer]
    axes: Mapping[str, Axis]
    fixed: Mapping[str, Any]

    @classmethod
    def for_trainer(
        cls,
        trainer: type[Trainer],
        *,
        ranges: Iterable[str] = (),
        only: Iterable[str] = (),
        fixed: Mapping[str, Any] | None = None,
    ) -> "SearchSpace":
        """The ranges that a trainer states, changed as texts of NAME=LOW:HIGH say, less what is fixed.

        over: also NAME=WORD:WORD, NAME=LOW:HIGH:log, and NAME alone for all that it may be. only: the names of those
        that are tried; all others keep their defaults.
        """
        fixed = dict(fixed or {})
        axes = {p.name: axis for p in trainer.hyperparameters() if (axis := default_axis(p)) is not None}
        for name, text in split_options(ranges):
            parameter = find_hyperparameter(trainer, name)
            axes[parameter.name] = _parse_axis(trainer, parameter, text)
        if chosen := [find_hyperparameter(trainer, name).name for name, _ in split_options(only)]:
            axes = {name: _existing_axis(trainer, axes, name) for name in chosen}
        axes = {name: axis for name, axis in axes.items() if name not in fixed}
        trainer.of(**fixed)  # wrong values end it here
        return cls(trainer, axes, fixed)

    @classmethod
    def grid(
        cls, trainer: type[Trainer], sweeps: Iterable[str], fixed: Mapping[str, Any], n_seeds: int = 1
    ) -> "SearchSpace":
        """Each of the values in texts of NAME=VALUE,VALUE, for a sweep, with each of the seeds 0, 1, …"""
        axes: dict[str, Axis] = {}
        for name, text in split_options(sweeps, NEXT_VALUES):
            parameter = find_hyperparameter(trainer, name)
            apart = r":" if parameter.type is str else r"[,:]"
            values = tuple(parse_value(trainer, parameter, one) for one in re.split(apart, text or "") if one.strip())
            if not values:
                raise BadHyperparameter(f"{trainer.name}: no values of {parameter.name} to sweep", "as in rank=8,16,32")
            axes[parameter.name] = CategoricalAxis(tuple(dict.fromkeys(values)))
        if n_seeds > 1:
            find_hyperparameter(trainer, "seed")
            axes["seed"] = CategoricalAxis(tuple(range(n_seeds)))
        trainer.of(**fixed)
        return cls(trainer, axes, {name: value for name, value in fixed.items() if name not in axes})

    def default(self) -> dict[str, Any]:
        """The trainer's own values of the axes."""
        defaults = {p.name: p.default for p in self.trainer.hyperparameters()}
        return {name: defaults[name] for name in self.axes}

    @property
    def size(self) -> float:
        """How many points there are."""
        return math.prod(axis.size for axis in self.axes.values())

    def contains(self, values: Mapping[str, Any]) -> bool:
        return all(axis.contains(values[name]) for name, axis in self.axes.items())

    def round(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Values as they are tried, of few digits."""
        return {name: axis.round(drawn[name]) for name, axis in self.axes.items()}

    def distributions(self) -> dict[str, "BaseDistribution"]:
        return {name: axis.distribution() for name, axis in self.axes.items()}

    def describe(self) -> dict[str, Any]:
        """As plain data, of which equal ones are of equal spaces."""
        fixed = {name: value for name, value in self.fixed.items() if name not in NOT_PART_OF_THE_SEARCH}
        return {**{name: str(axis) for name, axis in self.axes.items()}, **fixed}


def default_axis(parameter: Hyperparameter) -> Axis | None:
    """What the trainer says is worth trying."""
    if parameter.search is not None:
        return _numeric_axis(parameter, parameter.search)
    return CategoricalAxis(parameter.choices) if parameter.choices else None


def split_options(texts: Iterable[str], between: re.Pattern[str] = NEXT) -> list[tuple[str, str | None]]:
    """Names and what stands after their =, of texts of NAME=…,NAME=…"""
    pairs = []
    for text in (part for one in texts for part in between.split(one)):
        name, equals, value = text.partition("=")
        pairs.append((name.strip().replace("-", "_"), value.strip() if equals else None))
    return pairs


def find_hyperparameter(trainer: type[Trainer], name: str) -> Hyperparameter:
    """The hyperparameter of a name, also as the command line has it; one there is not is a BadHyperparameter."""
    parameters = {p.name: p for p in trainer.hyperparameters()}
    name = name if name in parameters or f"n_{name}" not in parameters else f"n_{name}"
    if name not in parameters:
        trainer.of(**{name: None})  # says what is near it
    return parameters[name]


def parse_value(trainer: type[Trainer], parameter: Hyperparameter, text: str) -> Any:
    """A value that was typed; raises BadHyperparameter where it cannot be one of the hyperparameter."""
    text = text.strip()
    value: Any = text
    if parameter.type is bool:
        value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower(), text)
    elif parameter.type in (int, float):
        value = _parse_number(text, parameter.type)
    check_value(trainer.name, parameter, value)
    return value


def parse_fixed(trainer: type[Trainer], texts: Iterable[str]) -> dict[str, Any]:
    """Values by name of texts of NAME=VALUE,NAME=VALUE."""
    fixed = {}
    for name, text in split_options(texts, NEXT_VALUES):
        parameter = find_hyperparameter(trainer, name)
        if text is None:
            raise BadHyperparameter(f"{trainer.name}: {parameter.name} is fixed at nothing", "as in --fix rank=64")
        fixed[parameter.name] = parse_value(trainer, parameter, text)
    return fixed


def _parse_number(text: str, kind: type) -> int | float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if kind is int and number.is_integer() else number


def _existing_axis(trainer: type[Trainer], axes: Mapping[str, Axis], name: str) -> Axis:
    if name not in axes:
        hint = f"say where to look with --over, as in --over {name}=LOW:HIGH"
        raise BadHyperparameter(f"{trainer.name} states no range of {name}", hint)
    return axes[name]


def _parse_axis(trainer: type[Trainer], parameter: Hyperparameter, text: str | None) -> Axis:
    """What is to be tried of a hyperparameter."""
    if parameter.type in (int, float):
        return _parse_range(trainer, parameter, text)
    if text is not None:
        return _categorical_axis(
            trainer, parameter, tuple(parse_value(trainer, parameter, one) for one in text.split(":"))
        )
    if parameter.type is bool:
        return CategoricalAxis((False, True))
    if get_origin(parameter.type) is Literal:
        return CategoricalAxis(get_args(parameter.type))
    return _categorical_axis(trainer, parameter, parameter.choices)


def _categorical_axis(trainer: type[Trainer], parameter: Hyperparameter, words: tuple[Any, ...]) -> CategoricalAxis:
    if len(set(words)) < 2:
        message = f"{trainer.name}: there are no two values of {parameter.name} to try"
        raise BadHyperparameter(message, f"as in --over {parameter.name}=ONE:OTHER, or fix it with --fix")
    return CategoricalAxis(tuple(dict.fromkeys(words)))


def _parse_range(trainer: type[Trainer], parameter: Hyperparameter, text: str | None) -> NumericAxis:
    """Of LOW:HIGH, with :log or :linear behind it where it is not as the trainer has it."""
    if text is None:
        if parameter.search is None:
            hint = f"say where to look, as in --over {parameter.name}=LOW:HIGH"
            raise BadHyperparameter(f"{trainer.name} states no range of {parameter.name}", hint)
        return _numeric_axis(parameter, parameter.search)
    low_text, _, rest = text.partition(":")
    high_text, _, scale = rest.partition(":")
    ends = [parse_value(trainer, parameter, one) for one in (low_text, high_text)]
    usual = parameter.search is not None and parameter.search.log and ends[0] > 0
    log = usual if not scale else scale == "log"
    if scale not in ("", "log", "linear") or not ends[0] < ends[1] or (log and ends[0] <= 0):
        hint = f"a range is LOW:HIGH, or LOW:HIGH:log for numbers above 0, as in --over {parameter.name}=1:10"
        raise BadHyperparameter(f"{trainer.name}: {text!r} is no range of {parameter.name}", hint)
    return _numeric_axis(parameter, SearchRange(ends[0], ends[1], log))


def _numeric_axis(parameter: Hyperparameter, search: SearchRange) -> NumericAxis:
    whole = parameter.type is int
    low, high = (math.ceil(search.low), math.floor(search.high)) if whole else (search.low, search.high)
    return NumericAxis(low, high, search.log, whole)
