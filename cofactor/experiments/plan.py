"""What an experiment is done on: one split, folds, repeats, windows of time, or a published protocol."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cofactor.data.split import Split
from cofactor.evaluation.evaluate import Report, evaluate
from cofactor.models.base import Model

Measure = Callable[[Model, Split], Report]


@dataclass(frozen=True, eq=False)
class Plan:
    """Splits by name, made one after another, so that only one of them need be in memory."""

    name: str  # "ml-1m", "ml-1m, 5 folds", "ml-1m-90-10"
    splits: Callable[[], Iterator[tuple[str, Split]]]
    n_splits: int
    k: tuple[int, ...] = (10,)  # lengths of list
    relevant_from: float | None = None
    measured: Measure | None = None  # what a protocol measures otherwise than `evaluate` does
    about: str = ""  # a line or two of what it is and where it comes from

    def measure(self, model: Model, split: Split) -> Report:
        """A model's report on the test part of one of the splits."""
        if self.measured is not None:
            return self.measured(model, split)
        return evaluate(model, split.test, self.k, relevant_from=self.relevant_from)
