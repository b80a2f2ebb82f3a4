"""The search space of a trainer: numeric ranges, choices and fixed values of its hyperparameters."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from cofactor.errors import BadHyperparameter, check_type
from cofactor.trainers.base import Trainer
from cofactor.training.hyperparameter import Hyperparameter, SearchRange, check_value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

NOT_PART_OF_THE_SEARCH = "threads", "device"  # they change the speed of a training, not its result
DIGITS = 4  # significant digits of a number that is tried, so that it can be typed
NAME = r"\s*[A-Za-z][\w-]*\s*"
NEXT = re.compile(rf",(?={NAME}(?:=|$|,))")  # a comma before a name, not one in a list of layer widths
NEXT_VALUES = re.compile(rf",(?={NAME}=)")  # nor one in a list of values


@dataclass(frozen=True)
class NumericAxis:
    """A range of numbers, both ends included, sampled uniformly or, with `log`, uniformly on a log scale."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    @property
    def size(self) -> float:
        """The number of values."""
        return self.high - self.low + 1 if self.integer else math.inf

    def contains(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def distribution(self) -> "BaseDistribution":
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def round(self, value: Any) -> Any:
        """A number with few digits, within the range."""
        if self.integer:
            return int(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}" + (":log" if self.log else "")


@dataclass(frozen=True)
class CategoricalAxis:
    """A choice among values without an order."""

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
    """The axes along which a trainer's hyperparameters are varied, and the values of those that are fixed."""

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
        """The search ranges of a trainer, with some of them replaced, selected or fixed.

        ranges: texts of NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=CHOICE:CHOICE, or NAME for all choices or the trainer's
            own range; they replace the trainer's ranges or add to them.
        only: the names of the hyperparameters to search; all others keep their defaults.
        fixed: hyperparameters with a constant value.

        Raises BadHyperparameter for an unknown name, a malformed range, or a value out of bounds.
        """
        if not (isinstance(trainer, type) and issubclass(trainer, Trainer)):
            hint = "give the class of a trainer, as in SearchSpace.for_trainer(SVD, fixed={'rank': 32})"
            raise BadHyperparameter(f"trainer is of type {type(trainer).__name__}", hint)
        fixed = dict(fixed or {})
        axes = {p.name: axis for p in trainer.hyperparameters() if (axis := default_axis(p)) is not None}
        for name, text in split_assignments(ranges):
            parameter = find_hyperparameter(trainer, name)
            axes[parameter.name] = _parse_axis(trainer, parameter, text)
        if chosen := [find_hyperparameter(trainer, name).name for name, _ in split_assignments(only)]:
            axes = {name: _existing_axis(trainer, axes, name) for name in chosen}
        axes = {name: axis for name, axis in axes.items() if name not in fixed}
        trainer.of(**fixed)  # raises for a wrong value
        return cls(trainer, axes, fixed)

    @classmethod
    def grid(
        cls, trainer: type[Trainer], values: Mapping[str, Sequence[Any]], fixed: Mapping[str, Any], n_seeds: int = 1
    ) -> "SearchSpace":
        """The grid of a sweep: every combination of values, each with the seeds 0, 1, …, n_seeds − 1."""
        axes: dict[str, Axis] = {}
        check_type("values", values, Mapping, "give a mapping from hyperparameters to values, as in {'rank': [8, 16]}")
        for name, some in values.items():
            parameter = find_hyperparameter(trainer, name)
            for value in some:
                check_value(trainer.name, parameter, value)
            if not some:
                raise BadHyperparameter(f"{trainer.name}: no values of {parameter.name} to sweep", "as in rank=8,16,32")
            axes[parameter.name] = CategoricalAxis(tuple(dict.fromkeys(some)))
        if n_seeds > 1:
            find_hyperparameter(trainer, "seed")
            axes["seed"] = CategoricalAxis(tuple(range(n_seeds)))
        trainer.of(**fixed)
        return cls(trainer, axes, {name: value for name, value in fixed.items() if name not in axes})

    def with_seed(self, seed: int) -> "SearchSpace":
        """The space with the seed fixed, unless it varies, is fixed already, or the trainer has none."""
        has_seed = any(p.name == "seed" for p in self.trainer.hyperparameters())
        if not has_seed or "seed" in self.axes or "seed" in self.fixed:
            return self
        return SearchSpace(self.trainer, self.axes, {"seed": seed, **self.fixed})

    def default(self) -> dict[str, Any]:
        """The trainer's default values of the axes."""
        defaults = {p.name: p.default for p in self.trainer.hyperparameters()}
        return {name: defaults[name] for name in self.axes}

    @property
    def size(self) -> float:
        """The number of points."""
        return math.prod(axis.size for axis in self.axes.values())

    def contains(self, values: Mapping[str, Any]) -> bool:
        return all(axis.contains(values[name]) for name, axis in self.axes.items())

    def round(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """The values, numbers with few digits."""
        return {name: axis.round(drawn[name]) for name, axis in self.axes.items()}

    def distributions(self) -> dict[str, "BaseDistribution"]:
        return {name: axis.distribution() for name, axis in self.axes.items()}

    def describe(self) -> dict[str, Any]:
        """Plain data that are equal for equal search spaces."""
        fixed = {name: value for name, value in self.fixed.items() if name not in NOT_PART_OF_THE_SEARCH}
        return {**{name: str(axis) for name, axis in self.axes.items()}, **fixed}


def default_axis(parameter: Hyperparameter) -> Axis | None:
    """The search range or the choices that a trainer states for a hyperparameter; None where it states none."""
    if parameter.search is not None:
        return _numeric_axis(parameter, parameter.search)
    return CategoricalAxis(parameter.choices) if parameter.choices else None


def split_assignments(texts: Iterable[str], between: re.Pattern[str] = NEXT) -> list[tuple[str, str | None]]:
    """The names and values in texts of NAME=VALUE,NAME=VALUE; the value is None where there is no =."""
    if isinstance(texts, str):
        texts = [texts]
    if isinstance(texts, Mapping):
        raise BadHyperparameter("ranges are a mapping", "give a list of texts, as in ranges=['rank=8:64']")
    pairs = []
    for text in (part for one in texts for part in between.split(one)):
        name, equals, value = text.partition("=")
        pairs.append((name.strip().replace("-", "_"), value.strip() if equals else None))
    return pairs


def find_hyperparameter(trainer: type[Trainer], name: str) -> Hyperparameter:
    """The hyperparameter of that name, with or without its n_; raises BadHyperparameter for an unknown one."""
    parameters = {p.name: p for p in trainer.hyperparameters()}
    name = name if name in parameters or f"n_{name}" not in parameters else f"n_{name}"
    if name not in parameters:
        trainer.of(**{name: None})  # raises, with the nearest name as a hint
    return parameters[name]


def parse_value(trainer: type[Trainer], parameter: Hyperparameter, text: str) -> Any:
    """A value as text, converted to the type of the hyperparameter; raises BadHyperparameter where it is invalid."""
    text = text.strip()
    value: Any = text
    if parameter.type is bool:
        value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower(), text)
    elif parameter.type in (int, float):
        value = _parse_number(text, parameter.type)
    check_value(trainer.name, parameter, value)
    return value


def parse_grid(trainer: type[Trainer], texts: Iterable[str]) -> dict[str, list[Any]]:
    """The values in texts of NAME=VALUE,VALUE, by name."""
    values: dict[str, list[Any]] = {}
    for name, text in split_assignments(texts, NEXT_VALUES):
        parameter = find_hyperparameter(trainer, name)
        separator = r":" if parameter.type is str else r"[,:]"
        words = re.split(separator, text or "")
        values[parameter.name] = [parse_value(trainer, parameter, one) for one in words if one.strip()]
    return values


def parse_fixed(trainer: type[Trainer], texts: Iterable[str]) -> dict[str, Any]:
    """The values in texts of NAME=VALUE,NAME=VALUE, by name."""
    fixed = {}
    for name, text in split_assignments(texts, NEXT_VALUES):
        parameter = find_hyperparameter(trainer, name)
        if text is None:
            raise BadHyperparameter(
                f"{trainer.name}: {parameter.name} has no value to be fixed at", "as in --fix rank=64"
            )
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
        hint = f"give a range, as in --range {name}=LOW:HIGH"
        raise BadHyperparameter(f"{trainer.name} has no search range for {name}", hint)
    return axes[name]


def _parse_axis(trainer: type[Trainer], parameter: Hyperparameter, text: str | None) -> Axis:
    """The axis that a text describes; with no text, all choices or the trainer's own range."""
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
        message = f"{trainer.name}: {parameter.name} needs two values to search"
        raise BadHyperparameter(message, f"as in --range {parameter.name}=ONE:OTHER, or fix it with --fix")
    return CategoricalAxis(tuple(dict.fromkeys(words)))


def _parse_range(trainer: type[Trainer], parameter: Hyperparameter, text: str | None) -> NumericAxis:
    """The range of LOW:HIGH, LOW:HIGH:log or LOW:HIGH:linear; the scale is otherwise the trainer's own."""
    if text is None:
        if parameter.search is None:
            hint = f"give a range, as in --range {parameter.name}=LOW:HIGH"
            raise BadHyperparameter(f"{trainer.name} has no search range for {parameter.name}", hint)
        return _numeric_axis(parameter, parameter.search)
    low_text, _, rest = text.partition(":")
    high_text, _, scale = rest.partition(":")
    ends = [parse_value(trainer, parameter, one) for one in (low_text, high_text)]
    usual = parameter.search is not None and parameter.search.log and ends[0] > 0
    log = usual if not scale else scale == "log"
    if scale not in ("", "log", "linear") or not ends[0] < ends[1] or (log and ends[0] <= 0):
        hint = f"a range is LOW:HIGH, or LOW:HIGH:log for numbers above 0, as in --range {parameter.name}=1:10"
        raise BadHyperparameter(f"{trainer.name}: {text!r} is not a range of {parameter.name}", hint)
    return _numeric_axis(parameter, SearchRange(ends[0], ends[1], log))


def _numeric_axis(parameter: Hyperparameter, search: SearchRange) -> NumericAxis:
    whole = parameter.type is int
    low, high = (math.ceil(search.low), math.floor(search.high)) if whole else (search.low, search.high)
    return NumericAxis(low, high, search.log, whole)
