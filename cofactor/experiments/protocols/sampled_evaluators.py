"""Evaluators that rank each test item among negative items; the cases of a split are built once for all models."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cofactor.data.splitting.split import Split
from cofactor.evaluation.sampled_evaluation import SampledReport, evaluate_sampled
from cofactor.evaluation.sampled_negatives import Cases, draw_negatives, read_split_cases
from cofactor.experiments.evaluation_plan import Evaluator
from cofactor.models.base import Model


def listed_negatives(file: Path) -> Evaluator:
    """Ranks each test item among the negatives that a file lists for it."""
    return _sampled_evaluator(lambda split: read_split_cases(file, split))


def random_negatives(n: int, seed: int) -> Evaluator:
    """Ranks each test item among n random items that its user has not rated in any part of the split."""
    return _sampled_evaluator(lambda split: draw_negatives(split, n, seed))


def _sampled_evaluator(cases: Callable[[Split], Cases]) -> Evaluator:
    cached = lru_cache(maxsize=1)(cases)  # of the current split, for one model after another

    def evaluate(model: Model, split: Split, k: tuple[int, ...]) -> SampledReport:
        return evaluate_sampled(model, cached(split), k)

    return evaluate
