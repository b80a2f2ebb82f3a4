"""The splits and metrics of an experiment: one split, cross-validation, rolling windows, or a published protocol."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.kinds import GIVEN
from cofactor.data.splitting.split import Split, load_split, repeated_folds
from cofactor.data.splitting.time_windows import rolling_windows
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.experiments.protocols.published_results import PublishedResult
from cofactor.models.base import Model

Evaluator = Callable[[Model, Split, tuple[int, ...]], ReportLike]  # the last argument: the lengths of the lists


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """Named splits, and how models are evaluated on them.

    The splits are made one after another, so that only one of them is in memory at a time. The epoch, and everything
    else that is chosen, is chosen on the validation part of each split. With `refit`, a trainer is then fitted once
    more on the train and validation parts together, for the chosen number of epochs: published metrics are of models
    that were trained on the whole training part. A closed-form solution, which has no epoch to choose, is fitted on
    both parts at once.
    """

    name: str  # "ml-1m", "ml-1m, 5 folds", "ml-1m-90-10"
    splits: Callable[[], Iterator[tuple[str, Split]]]
    n_splits: int
    k: tuple[int, ...] = (10,)  # lengths of the top-N lists
    relevant_from: float | None = None  # the lowest relevant test rating
    evaluator: Evaluator | None = None  # replaces `cofactor.evaluate`, as for sampled negatives
    about: str = ""  # one or two lines on the plan and its source
    refit: bool = False
    recipe: Mapping[str, Any] | None = None  # how a split that was made in memory can be made again
    metrics: tuple[str, ...] = ()  # the metrics of a protocol; models are ordered by the first
    published: tuple[PublishedResult, ...] = ()

    def evaluate(self, model: Model, split: Split) -> ReportLike:
        """The report of a model on the test part of one of the splits."""
        if self.evaluator is not None:
            return self.evaluator(model, split, self.k)
        test = split.test
        if split.kind == GIVEN and model.training_data.split != split.fingerprint:
            test = replace(test, split=None)  # a model of other ratings, which are compared pair by pair
        return evaluate(model, test, self.k, relevant_from=self.relevant_from)


def single_split_plan(
    split: Split, name: str = "", *, evaluator: Evaluator | None = None, recipe: Mapping[str, Any] | None = None
) -> EvaluationPlan:
    """A plan of one split that is in memory."""
    return EvaluationPlan(
        name or split.kind, lambda: iter([(split.kind, split)]), 1, evaluator=evaluator, recipe=recipe
    )


def cross_validation_plan(
    ratings: Ratings, n_folds: int, n_repeats: int = 1, *, name: str = "ratings", seed: int = 0, validation: float = 0.1
) -> EvaluationPlan:
    """k-fold cross-validation, repeated with the seeds `seed`, `seed` + 1, … : each rating is tested once a repeat."""
    names = [f"fold-{fold}" for fold in range(1, n_folds + 1)]
    if n_repeats > 1:
        names = [f"repeat-{repeat}-{fold}" for repeat in range(1, n_repeats + 1) for fold in names]
    title = f"{name}, {n_folds} folds" + (f", {n_repeats} repeats" if n_repeats > 1 else "")

    def splits() -> Iterator[tuple[str, Split]]:
        return zip(names, repeated_folds(ratings, n_folds, n_repeats, seed=seed, validation=validation), strict=True)

    return EvaluationPlan(title, splits, len(names))


def rolling_window_plan(
    ratings: Ratings, n_windows: int, *, name: str = "ratings", test: float = 0.1, validation: float = 0.1
) -> EvaluationPlan:
    """Windows that roll along time: each is tested after training on all ratings before it."""
    names = [f"window-{number}" for number in range(1, n_windows + 1)]

    def splits() -> Iterator[tuple[str, Split]]:
        return zip(names, rolling_windows(ratings, n_windows, test=test, validation=validation), strict=True)

    return EvaluationPlan(f"{name}, {n_windows} windows", splits, n_windows)


def saved_splits_plan(folders: Sequence[Path], name: str = "saved splits") -> EvaluationPlan:
    """The saved splits in several folders, each called by the name of its folder."""
    return EvaluationPlan(name, lambda: ((one.name, load_split(one)) for one in folders), len(folders))
