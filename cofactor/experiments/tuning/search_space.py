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

FREE = "threads", "device"  # decide how soon a result is there, not which
DIGITS = 4  # of a number that is tried, so that it can be typed
NAME = r"\s*[A-Za-z][\w-]*\s*"
NEXT = re.compile(rf",(?={NAME}(?:=|$|,))")  # a comma before a name, not one in a list of widths
NEXT_VALUES = re.compile(rf",(?={NAME}=)")  # nor one in a list of values


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both of them possible, evenly likely as they are or by their logarithms."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    @property
    def size(self) -> float:
        """How many values there are."""
        return self.high - self.low + 1 if self.whole else math.inf

    def holds(self, value: Any) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def distribution(self) -> "BaseDistribution":
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def typed(self, value: Any) -> Any:
        """A number as it is tried: of few digits, within the range."""
        if self.whole:
            return int(value)
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}" + (":log" if self.log else "")


@dataclass(frozen=True)
class Words:
    """One of several values, of which none is nearer to another than to a third."""

    words: tuple[Any, ...]

    @property
    def size(self) -> float:
        return len(self.words)

    def holds(self, value: Any) -> bool:
        return value in self.words

    def distribution(self) -> "BaseDistribution":
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.words)

    def typed(self, value: Any) -> Any:
        return value

    def __str__(self) -> str:
        return ":".join(str(word) for word in self.words)


Axis = Range | Words


@dataclass(frozen=True)
class Space:
    """What is tried of a trainer: one value of each axis, and the fixed ones."""

    trainer: type[Trainer]
    axes: Mapping[str, Axis]
    fixed: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        trainer: type[Trainer],
        *,
        over: Iterable[str] = (),
        only: Iterable[str] = (),
        fixed: Mapping[str, Any] | None = None,
    ) -> "Space":
        """The ranges that a trainer states, changed as texts of NAME=LOW:HIGH say, less what is fixed.

        over: also NAME=WORD:WORD, NAME=LOW:HIGH:log, and NAME alone for all that it may be. only: the names of those
        that are tried; all others keep their defaults.
        """
        fixed = dict(fixed or {})
        axes = {p.name: axis for p in trainer.hyperparameters() if (axis := stated(p)) is not None}
        for name, text in parted(over):
            parameter = known(trainer, name)
            axes[parameter.name] = _axis(trainer, parameter, text)
        if chosen := [known(trainer, name).name for name, _ in parted(only)]:
            axes = {name: _has(trainer, axes, name) for name in chosen}
        axes = {name: axis for name, axis in axes.items() if name not in fixed}
        trainer.of(**fixed)  # wrong values end it here
        return cls(trainer, axes, fixed)

    @classmethod
    def grid(cls, trainer: type[Trainer], sweeps: Iterable[str], fixed: Mapping[str, Any], n_seeds: int = 1) -> "Space":
        """Each of the values in texts of NAME=VALUE,VALUE, for a sweep, with each of the seeds 0, 1, …"""
        axes: dict[str, Axis] = {}
        for name, text in parted(sweeps, NEXT_VALUES):
            parameter = known(trainer, name)
            apart = r":" if parameter.type is str else r"[,:]"
            values = tuple(value_of(trainer, parameter, one) for one in re.split(apart, text or "") if one.strip())
            if not values:
                raise BadHyperparameter(f"{trainer.name}: no values of {parameter.name} to sweep", "as in rank=8,16,32")
            axes[parameter.name] = Words(tuple(dict.fromkeys(values)))
        if n_seeds > 1:
            known(trainer, "seed")
            axes["seed"] = Words(tuple(range(n_seeds)))
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

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(axis.holds(values[name]) for name, axis in self.axes.items())

    def typed(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """Values as they are tried, of few digits."""
        return {name: axis.typed(drawn[name]) for name, axis in self.axes.items()}

    def distributions(self) -> dict[str, "BaseDistribution"]:
        return {name: axis.distribution() for name, axis in self.axes.items()}

    def described(self) -> dict[str, Any]:
        """As plain data, of which equal ones are of equal spaces."""
        fixed = {name: value for name, value in self.fixed.items() if name not in FREE}
        return {**{name: str(axis) for name, axis in self.axes.items()}, **fixed}


def stated(parameter: Hyperparameter) -> Axis | None:
    """What the trainer says is worth trying."""
    if parameter.search is not None:
        return _range(parameter, parameter.search)
    return Words(parameter.choices) if parameter.choices else None


def parted(texts: Iterable[str], between: re.Pattern[str] = NEXT) -> list[tuple[str, str | None]]:
    """Names and what stands after their =, of texts of NAME=…,NAME=…"""
    pairs = []
    for text in (part for one in texts for part in between.split(one)):
        name, equals, value = text.partition("=")
        pairs.append((name.strip().replace("-", "_"), value.strip() if equals else None))
    return pairs


def known(trainer: type[Trainer], name: str) -> Hyperparameter:
    """The hyperparameter of a name, also as the command line has it; one there is not is a BadHyperparameter."""
    parameters = {p.name: p for p in trainer.hyperparameters()}
    name = name if name in parameters or f"n_{name}" not in parameters else f"n_{name}"
    if name not in parameters:
        trainer.of(**{name: None})  # says what is near it
    return parameters[name]


def value_of(trainer: type[Trainer], parameter: Hyperparameter, text: str) -> Any:
    """A value that was typed; raises BadHyperparameter where it cannot be one of the hyperparameter."""
    text = text.strip()
    value: Any = text
    if parameter.type is bool:
        value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(text.lower(), text)
    elif parameter.type in (int, float):
        value = _number(text, parameter.type)
    check_value(trainer.name, parameter, value)
    return value


def fixed_of(trainer: type[Trainer], texts: Iterable[str]) -> dict[str, Any]:
    """Values by name of texts of NAME=VALUE,NAME=VALUE."""
    fixed = {}
    for name, text in parted(texts, NEXT_VALUES):
        parameter = known(trainer, name)
        if text is None:
            raise BadHyperparameter(f"{trainer.name}: {parameter.name} is fixed at nothing", "as in --fix rank=64")
        fixed[parameter.name] = value_of(trainer, parameter, text)
    return fixed


def _number(text: str, kind: type) -> int | float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if kind is int and number.is_integer() else number


def _has(trainer: type[Trainer], axes: Mapping[str, Axis], name: str) -> Axis:
    if name not in axes:
        hint = f"say where to look with --over, as in --over {name}=LOW:HIGH"
        raise BadHyperparameter(f"{trainer.name} states no range of {name}", hint)
    return axes[name]


def _axis(trainer: type[Trainer], parameter: Hyperparameter, text: str | None) -> Axis:
    """What is to be tried of a hyperparameter."""
    if parameter.type in (int, float):
        return _range_of(trainer, parameter, text)
    if text is not None:
        return _words(trainer, parameter, tuple(value_of(trainer, parameter, one) for one in text.split(":")))
    if parameter.type is bool:
        return Words((False, True))
    if get_origin(parameter.type) is Literal:
        return Words(get_args(parameter.type))
    return _words(trainer, parameter, parameter.choices)


def _words(trainer: type[Trainer], parameter: Hyperparameter, words: tuple[Any, ...]) -> Words:
    if len(set(words)) < 2:
        message = f"{trainer.name}: there are no two values of {parameter.name} to try"
        raise BadHyperparameter(message, f"as in --over {parameter.name}=ONE:OTHER, or fix it with --fix")
    return Words(tuple(dict.fromkeys(words)))


def _range_of(trainer: type[Trainer], parameter: Hyperparameter, text: str | None) -> Range:
    """Of LOW:HIGH, with :log or :linear behind it where it is not as the trainer has it."""
    if text is None:
        if parameter.search is None:
            hint = f"say where to look, as in --over {parameter.name}=LOW:HIGH"
            raise BadHyperparameter(f"{trainer.name} states no range of {parameter.name}", hint)
        return _range(parameter, parameter.search)
    low_text, _, rest = text.partition(":")
    high_text, _, scale = rest.partition(":")
    ends = [value_of(trainer, parameter, one) for one in (low_text, high_text)]
    usual = parameter.search is not None and parameter.search.log and ends[0] > 0
    log = usual if not scale else scale == "log"
    if scale not in ("", "log", "linear") or not ends[0] < ends[1] or (log and ends[0] <= 0):
        hint = f"a range is LOW:HIGH, or LOW:HIGH:log for numbers above 0, as in --over {parameter.name}=1:10"
        raise BadHyperparameter(f"{trainer.name}: {text!r} is no range of {parameter.name}", hint)
    return _range(parameter, SearchRange(ends[0], ends[1], log))


def _range(parameter: Hyperparameter, search: SearchRange) -> Range:
    whole = parameter.type is int
    low, high = (math.ceil(search.low), math.floor(search.high)) if whole else (search.low, search.high)
    return Range(low, high, search.log, whole)
