"""The published protocols for the benchmarks, one split at a time, with the whole training part to train on.

task = TASKS["ml-100k/u1"](folder)              # folder of ml-100k, ml-1m, gowalla and ncf-ml-1m
model = trainer.fit(task.train)
task.figures(model)                             # {"rmse": …, "mae": …}
task.inner()                                    # the same task within the training part, to choose hyperparameters
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from cofactor.data.datasets.published_splits import MOVIELENS_FOLDS
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, split
from cofactor.errors import BadData
from cofactor.evaluation.metrics.registry import lower_is_better, needs_ranking
from cofactor.evaluation.sampled_negatives import N_NEGATIVES
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.protocols.registry import PROTOCOLS, SEEDS
from cofactor.experiments.protocols.sampled_evaluators import random_negatives
from cofactor.models.base import Model


@dataclass(frozen=True, eq=False)
class Task:
    """A protocol's task: train on `train` and evaluate on `test`."""

    plan: EvaluationPlan
    split: Split

    @property
    def train(self) -> Ratings:
        return self.split.train

    @property
    def test(self) -> Ratings:
        return self.split.test

    @property
    def judged_by(self) -> str:
        """The metric that chooses hyperparameters."""
        return self.plan.metrics[0]

    def inner(self, seed: int = 0) -> "Task":
        """The same task inside train; nothing of the test is left in it.

        A random tenth is held out; where each user's one item is ranked among sampled ones, a random one of each user,
        among as many drawn from those that the user has not in train.
        """
        sampled = self.plan.evaluator is not None
        parts = split(self.train, "one" if sampled else "random", seed=seed, test=0.1, validation=0)
        measured = random_negatives(N_NEGATIVES, seed) if sampled else None
        return Task(replace(self.plan, evaluator=measured), parts)

    def better(self, one: float, other: float) -> bool:
        """Whether one value of `judged_by` is better than another."""
        return one < other if lower_is_better(self.judged_by) else one > other

    def figures(self, model: Model) -> dict[str, float]:
        """The metrics of the protocol by name, on the test ratings."""
        of_ratings = not any(map(needs_ranking, self.plan.metrics))
        found = replace(self.plan, k=() if of_ratings else self.plan.k).evaluate(model, self.split).metrics
        if of_ratings and model.scale is None:
            raise BadData(f"a {model.kind} model that only ranks predicts no ratings", "use a protocol of ranking")
        return {name: found[name] for name in self.plan.metrics}


def load(folder: Path, protocol: str, name: str) -> Task:
    """The split of that name, without a validation part."""
    one = PROTOCOLS[protocol]
    home = folder / one.data
    ((_, parts),) = one.load_splits(home, (name,), validation=0)
    return Task(one.plan(home), parts)


_NAMED = {
    **{f"ml-100k/{fold}": ("ml-100k-folds", fold) for fold in MOVIELENS_FOLDS},
    **{f"ml-1m/{seed}": ("ml-1m-90-10", name) for seed, name in enumerate(SEEDS)},
    **{f"ml-1m-top-n/{seed}": ("ml-1m-top-n", name) for seed, name in enumerate(SEEDS)},
    "gowalla": ("gowalla", *PROTOCOLS["gowalla"].splits),
    "ncf": ("ncf-ml-1m", *PROTOCOLS["ncf-ml-1m"].splits),
}
TASKS: dict[str, Callable[[Path], Task]] = {
    short: partial(load, protocol=protocol, name=name) for short, (protocol, name) in _NAMED.items()
}
