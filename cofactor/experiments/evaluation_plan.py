"""What an experiment is done on: one split, folds, repeats, windows of time, or a published protocol."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cofactor.data.splitting.split import Split
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.experiments.protocols.published_results import PublishedResult
from cofactor.models.base import Model

Evaluator = Callable[[Model, Split, tuple[int, ...]], ReportLike]  # the last: lengths of list


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """Splits by name, made one after another, so that only one of them need be in memory.

    The epoch, and whatever else is chosen, is chosen on the validation part of each split. Where `refit` is set, a
    trainer then learns train and validation part together, for as many epochs: published figures are of models that
    learned all of train. A closed form, which has nothing to choose, learns them together at once.
    """

    name: str  # "ml-1m", "ml-1m, 5 folds", "ml-1m-90-10"
    splits: Callable[[], Iterator[tuple[str, Split]]]
    n_splits: int
    k: tuple[int, ...] = (10,)  # lengths of list
    relevant_from: float | None = None
    evaluator: Evaluator | None = None  # what is measured otherwise than `evaluate` does
    about: str = ""  # a line or two of what it is and where it comes from
    refit: bool = False
    recipe: Mapping[str, Any] | None = None  # of a split that is made in memory: what it can be made again by
    metrics: tuple[str, ...] = ()  # the figures of a protocol, the first of which puts models in order
    published: tuple[PublishedResult, ...] = ()  # others' figures to set beside

    def evaluate(self, model: Model, split: Split) -> ReportLike:
        """A model's report on the test part of one of the splits."""
        if self.evaluator is not None:
            return self.evaluator(model, split, self.k)
        return evaluate(model, split.test, self.k, relevant_from=self.relevant_from)
