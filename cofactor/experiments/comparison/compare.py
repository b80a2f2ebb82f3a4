"""`cofactor.compare` and `cofactor.cross_validate`: which model or trainer is better, and whether it may be chance."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from cofactor.argument_names import check_arguments
from cofactor.data.splitting.split import Split
from cofactor.data.tables.given_ratings import RatingsLike, as_ratings
from cofactor.errors import check_type, check_whole
from cofactor.evaluation.compare import check_named
from cofactor.evaluation.compare import compare as compare_models
from cofactor.evaluation.comparison import Comparison
from cofactor.evaluation.cost import Cost
from cofactor.evaluation.report import check_k
from cofactor.evaluation.significance.paired_differences import Units
from cofactor.experiments.comparison.candidates import Candidate, Candidates, SavedModel
from cofactor.experiments.comparison.run import ComparisonCallbacks, run_comparison
from cofactor.experiments.comparison.summarize import summarize
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.experiments.evaluation_plan import EvaluationPlan, cross_validation_plan, single_split_plan
from cofactor.models.base import Model
from cofactor.trainers.base import Trainer

if TYPE_CHECKING:  # see `split`

    @overload
    def compare(
        candidates: Mapping[str, Model | Sequence[Model]],
        on: RatingsLike,
        k: Sequence[int] | int = (10,),
        *,
        relevant_from: float | None = None,
        against: str | None = None,
        costs: Mapping[str, Cost] | None = None,
        extra_metrics: Sequence[str] = (),
        resample_by: Units = "users",
        seed: int = 0,
    ) -> Comparison: ...

    @overload
    def compare(
        candidates: Mapping[str, Trainer | Path],
        on: Split | EvaluationPlan,
        k: Sequence[int] | int | None = None,
        *,
        relevant_from: float | None = None,
        against: str | None = None,
        patience: int = 3,
        refit: bool = False,
        seeds: int = 1,
        out: Path | str | None = None,
        retrain: bool = False,
        callbacks: ComparisonCallbacks | None = None,
    ) -> ComparisonSummary: ...


def compare(
    candidates: Mapping[str, Any], on: RatingsLike | Split | EvaluationPlan, *arguments: Any, **options: Any
) -> Comparison | ComparisonSummary:
    """Compares models on test ratings, or trains and compares trainers on a split.

    With models and the test ratings (`on`), evaluates every model on them and returns a `Comparison`: see
    `cofactor.evaluation.compare.compare`. With trainers, or folders of saved models, and a split or an evaluation plan,
    trains each trainer in a process of its own on each split, evaluates all models on the test parts and returns a
    `ComparisonSummary`: see `compare_trainers`.

        parts = cofactor.split(cofactor.read("ratings.csv"), "random", seed=0)
        summary = cofactor.compare({"svd": SVD(), "wide": SVD(rank=128)}, parts, seeds=3, out=Path("models"))
        print("\\n".join(summary.comparison.sentences()))
    """
    if not isinstance(on, Split | EvaluationPlan):
        hint = "models are compared on test Ratings, trainers on a Split"
        return compare_models(candidates, as_ratings("the test part", on, hint), *arguments, **options)
    return compare_trainers(candidates, on, *arguments, **options)


@check_arguments()
def compare_trainers(
    candidates: Mapping[str, Trainer | Path],
    on: Split | EvaluationPlan,
    k: Sequence[int] | int | None = None,
    *,
    relevant_from: float | None = None,
    against: str | None = None,
    patience: int = 3,
    refit: bool = False,
    seeds: int = 1,
    out: Path | str | None = None,
    retrain: bool = False,
    callbacks: ComparisonCallbacks | None = None,
) -> ComparisonSummary:
    """Trains and evaluates trainers, and evaluates saved models, on every split of a plan.

    candidates: by name, a trainer or the folder of a saved model that was trained on this split.
    k, relevant_from: as in `cofactor.evaluate`; None: those of the plan.
    against: the model with which the others are compared; None: the best model of each metric.
    patience, refit: as in `cofactor.fit`; a plan may ask for a refit as well.
    seeds, out, retrain, callbacks: as in `run_comparison`.

    A trainer whose training fails is left out; `failures` of the summary has the errors. Ctrl-C ends the comparison
    early. Raises BadHyperparameter for an unknown `against` and where there are no candidates, SplitMismatch for a
    saved model of another split, and the first failure where every training fails.
    """
    _check_arguments(candidates, on)
    plan = on if isinstance(on, EvaluationPlan) else single_split_plan(on)
    plan = plan if k is None else replace(plan, k=check_k(k))
    plan = plan if relevant_from is None else replace(plan, relevant_from=relevant_from)
    check_named(against, candidates)
    listed: Candidates = [
        Candidate(name, one, patience, refit or plan.refit) if isinstance(one, Trainer) else SavedModel(name, Path(one))
        for name, one in candidates.items()
    ]
    notes = {"data": plan.name, "split_recipe": plan.recipe}
    result = run_comparison(
        plan,
        listed,
        callbacks,
        out=None if out is None else Path(out),
        retrain=retrain,
        seeds=seeds,
        notes=lambda split: notes,
    )
    return summarize(plan, result, against=against)


def _check_arguments(candidates: Mapping[str, object], on: object) -> None:
    check_type("candidates", candidates, Mapping, "give a mapping from names to trainers, as in {'svd': SVD()}")
    check_type("the split", on, (Split, EvaluationPlan), "models are compared on test Ratings, trainers on a Split")
    for name, one in candidates.items():
        hint = "with a split, give trainers such as SVD(rank=32) or folders of saved models; with test ratings, models"
        check_type(f"candidate {name}", one, (Trainer, Path, str), hint)


@check_arguments(compare_trainers)
def cross_validate(
    candidates: Trainer | Mapping[str, Trainer],
    ratings: RatingsLike,
    n_folds: int = 5,
    n_repeats: int = 1,
    *,
    validation: float = 0.1,
    seed: int = 0,
    **options: Any,
) -> ComparisonSummary:
    """k-fold cross-validation of one or several trainers: every rating is tested once in each repeat.

    validation: share of each training part on which the epoch is chosen. seed: of the folds; each repeat adds 1.
    options: those of `compare_trainers`, such as k, refit or callbacks.

        summary = cofactor.cross_validate(SVD(rank=32), cofactor.read("ratings.csv"), n_folds=5)
        print(summary.comparison.metrics["svd"]["rmse"], summary.comparison.split_deviations["svd"]["rmse"])
    """
    named = {candidates.name: candidates} if isinstance(candidates, Trainer) else candidates
    check_whole("n_folds", n_folds, "the number of folds")
    check_whole("n_repeats", n_repeats, "how often the folds are drawn")
    plan = cross_validation_plan(as_ratings("ratings", ratings), n_folds, n_repeats, seed=seed, validation=validation)
    return compare_trainers(named, plan, **options)
