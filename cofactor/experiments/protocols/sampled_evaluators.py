"""Measuring each held-out item among sampled ones: the cases of a split, made once for all models."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cofactor.data.splitting.split import Split
from cofactor.evaluation.sampled_evaluation import SampledReport, evaluate_sampled
from cofactor.evaluation.sampled_negatives import Cases, draw_negatives, read_split_cases
from cofactor.experiments.evaluation_plan import Evaluator
from cofactor.models.base import Model


def listed_negatives(file: Path) -> Evaluator:
    """Among the negatives that a file gives for the pairs that the split holds out."""
    return _among(lambda split: read_split_cases(file, split))


def random_negatives(n: int, seed: int) -> Evaluator:
    """Among n items that are drawn of those the user has rated in no part of the split."""
    return _among(lambda split: draw_negatives(split, n, seed))


def _among(cases: Callable[[Split], Cases]) -> Evaluator:
    kept = lru_cache(maxsize=1)(cases)  # of the split at hand, for one model after another

    def measured(model: Model, split: Split, k: tuple[int, ...]) -> SampledReport:
        return evaluate_sampled(model, kept(split), k)

    return measured
