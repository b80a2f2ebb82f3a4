"""What is known of a metric: its formula, the direction in which it is better, and how it is shown."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, NoReturn, TypeVar

from cofactor.errors import UnknownMetric

Formula = TypeVar("Formula", bound=Callable[..., Any])

COMPARED = 2  # the largest priority of the metrics that models are compared by unless others are named
TABULATED = 4  # the largest priority of the metrics in tables of accuracy


class Direction(IntEnum):
    """In which direction a metric is better. `direction * value` is lowest for the best model."""

    LOWER_IS_BETTER = 1
    HIGHER_IS_BETTER = -1
    DESCRIPTIVE = 0  # neither is better


LOWER, HIGHER, DESCRIPTIVE = Direction.LOWER_IS_BETTER, Direction.HIGHER_IS_BETTER, Direction.DESCRIPTIVE


@dataclass(frozen=True)
class Metric(Generic[Formula]):
    """One metric. The row in the registry of its formula's file is the only place that describes it."""

    name: str  # without @k: "rmse", "ndcg"
    compute: Formula
    label: str  # in tables, plots and sentences: "RMSE", "hit rate"
    help: str  # one line
    direction: Direction
    priority: int = 0  # 1: a headline metric; lower numbers come first in tables; 0: in the full tables only
    digits: int = 4  # decimals in tables
    root: bool = False  # whether the metric is the root of a mean, as RMSE is
    needs_genres: bool = False  # whether it is defined only for items with genres
    in_summary: bool = False  # whether `cofactor train` prints it


def by_name(metrics: Iterable[Metric[Formula]]) -> dict[str, Metric[Formula]]:
    """A registry of metrics. The order is the order of a report."""
    return {metric.name: metric for metric in metrics}


class MetricValues(dict[str, float]):
    """The values of metrics by name; an unknown name raises UnknownMetric, a KeyError that names the nearest ones."""

    def __missing__(self, name: object) -> NoReturn:
        plain = str(name).strip().lower()
        base = plain.partition("@")[0]
        near = [one for one in self if one.partition("@")[0] == base]
        near = near or [one for one in self if base in one] or difflib.get_close_matches(plain, list(self), 3)
        hint = f"did you mean {' or '.join(near[:4])}?" if near else f"there are {', '.join(self)}"
        raise UnknownMetric(f"no metric {str(name)[:60]!r}", hint)
