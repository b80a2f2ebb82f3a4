"""Comparisons to make reports of: small ones, large ones, and ones with names that mean harm."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import split
from cofactor.evaluation.breakdowns.breakdown import Breakdown, Calibration, Group, SpreadCalibration
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.evaluate import evaluate
from cofactor.evaluation.report import Report
from cofactor.experiments.comparison.summary import ComparisonSummary, LearningCurve, SplitFacts
from cofactor.trainers import TRAINERS

HOSTILE = (
    "<script>alert('owned')</script>",
    "$\\frac{1$ | $x_1$",
    "a\nb\x1b[31m\u202ered",
    "x" * 300,
    "x" * 299 + "y",
    '"><img src=x onerror=alert(1)>',
    "![picture](http://elsewhere/x.png) `code` **bold**",
    "映画 & Кино",
    "../../etc/passwd",
)
QUICK = {"svd": {"n_epochs": 2, "rank": 4}, "ials": {"n_epochs": 1, "rank": 4}, "als": {"n_epochs": 2, "rank": 4}}


def reports(ratings: Ratings, names: Sequence[str]) -> dict[str, Report]:
    """Trained in a moment and measured."""
    parts = split(ratings, seed=0)
    models = {name: TRAINERS[name](**QUICK.get(name, {})).fit(parts.train) for name in names}
    return {name: evaluate(model, parts.test, (5, 10)) for name, model in models.items()}


def outcome(measured: Mapping[str, Report], trainers: Mapping[str, str], name: str = "toy") -> ComparisonSummary:
    """A comparison with something of everything. measured: by model; trainers: of each."""
    costs = {one: Cost(0.01 * 3**n, 0.02 * 3**n, 1 << 20, 1 << 18, 1e-4) for n, one in enumerate(measured)}
    rated = [one for one, report in measured.items() if report.predictions is not None]
    first = rated[:1]
    return ComparisonSummary(
        name, "a toy & more", "cofactor compare svd 'als --rank 4' --on toy -o report",
        (SplitFacts(name, "random", 0, "0123abcd" * 8, 900, 100, 100),),
        compare_reports({one: [report] for one, report in measured.items()}, costs=costs),
        dict(trainers), {one: {"rank": 4, "l2": 0.02} for one in measured},
        (broken("user activity", [f"{n}–{n + 9} ratings" for n in (1, 10, 20)], measured),
         broken("genre", [f"Genre {n} of the film" for n in range(12)], measured)),
        {one: calibration(measured[one]) for one in rated}, {one: spread() for one in first},
        {one: curve(n) for n, one in enumerate(measured)},
        {"cofactor": "1.2.3", "Python": "3.11"}, "2 cores",
    )  # fmt: skip


def broken(by: str, labels: Sequence[str], models: Mapping[str, Report]) -> Breakdown:
    """Made figures by group; the last group has none of the first model."""
    rng, groups = np.random.default_rng(len(labels)), []
    for number, label in enumerate(labels):
        figures = {}
        for place, (name, report) in enumerate(models.items()):
            own = {"ndcg@5": float(rng.uniform(0, 0.3))}
            if report.predictions is not None:
                own |= {"rmse": float(rng.uniform(0.8, 1.1)), "bias": float(rng.normal())}
            figures[name] = {} if place == 0 and number == len(labels) - 1 else own
        errors = {name: dict.fromkeys(some, 0.01) for name, some in figures.items()}
        groups.append(Group(label, 10 + 100 * number, 5, figures, errors))
    return Breakdown(by, "what a group is", tuple(groups))


def calibration(report: Report) -> Calibration:
    assert report.predictions is not None
    order = np.argsort(report.predictions, kind="stable")
    bins = np.array_split(order, 5)
    predicted, true = (
        np.array([values[one].mean(dtype=np.float64) for one in bins])
        for values in (report.predictions, report.scored_test_set.held_out.value)
    )
    return Calibration(predicted, true, np.full(5, 0.1), np.array([len(one) for one in bins]), 0.97)


def spread() -> SpreadCalibration:
    return SpreadCalibration(
        np.array([0.8, 0.9, 1.1]), np.array([0.7, 0.95, 1.2]), np.array([9, 9, 9]), (0.5, 0.9), (0.52, 0.88)
    )


def curve(number: int) -> LearningCurve:
    """RMSE of even models, NDCG of odd ones, and one epoch without a figure."""
    epochs = tuple(range(1, 8 + number))
    falling = tuple(1.0 + 0.01 * number - 0.02 * min(epoch, 5) for epoch in epochs)
    if number % 2:
        return LearningCurve(epochs, (None,) * len(epochs), tuple(1.2 - one for one in falling), "NDCG@10", 5)
    return LearningCurve(
        epochs, tuple(one - 0.02 * e for one, e in zip(falling, epochs, strict=True)), (None, *falling[1:]), "RMSE", 5
    )


def many(ratings: Ratings) -> ComparisonSummary:
    """As many models as there are trainers, though few are trained: figures of the others are theirs, moved."""
    measured = reports(ratings, ("popularity", "baseline", "svd", "ials"))
    found = {}
    for number, name in enumerate(TRAINERS):
        like = measured.get(name) or measured[("svd", "ials", "baseline")[number % 3]]
        moved = {key: value * (1 + 0.004 * number) for key, value in like.metrics.items()}
        found[name] = like if name in measured else replace(like, metrics=moved)
    return outcome(found, {name: name for name in found})
