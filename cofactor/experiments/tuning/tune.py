"""`cofactor.tune` and `cofactor.sweep`: the best hyperparameters of a trainer on validation ratings."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cofactor.argument_names import check_arguments
from cofactor.data.splitting.split import Split
from cofactor.errors import BadHyperparameter, check_type
from cofactor.experiments.evaluation_plan import EvaluationPlan, single_split_plan
from cofactor.experiments.tuning.result import SearchResult
from cofactor.experiments.tuning.search import SearchCallbacks
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.session import TuningOptions, TuningSession, choose_jobs
from cofactor.trainers.base import Trainer

DEFAULT_TRIALS, DEFAULT_MINUTES = 50, 10.0


@check_arguments()
def tune(
    trainer: type[Trainer] | SearchSpace,
    on: Split | EvaluationPlan,
    *,
    trials: int | None = DEFAULT_TRIALS,
    minutes: float | None = DEFAULT_MINUTES,
    inner_folds: int = 0,
    patience: int = 3,
    seed: int = 0,
    jobs: int | None = None,
    test: bool = True,
    folder: Path | str | None = None,
    resume: bool = False,
    callbacks: SearchCallbacks | None = None,
) -> SearchResult:
    """Searches for the hyperparameters that do best on validation ratings.

    The defaults are tried first, then ten random points, then points that the trials so far make likely to be better
    (TPE). The test part is read once, at the end, to compare the best with the defaults.

    trainer: a trainer, whose own search ranges are searched, or a `SearchSpace` with other ranges.
    on: the split; of a plan with several splits, the first.
    trials, minutes: the search ends at whichever comes first; None: no limit.
    inner_folds: evaluates trials on this many folds of the train and validation parts instead of the validation part.
    patience: as in `cofactor.fit`. jobs: number of parallel trainings; None: one for each core, at most 8.
    folder: keeps the study in study.db there, so that `resume=True` continues it; None: keeps nothing.

    Trainings run in processes of their own, so a script needs `if __name__ == "__main__":`. Ctrl-C ends the search and
    returns its result. Raises BadData without validation ratings, BadHyperparameter where every trial fails, and
    BadArtifact where the folder holds a study and `resume` is False.

        space = SearchSpace.for_trainer(SVD, ranges=["rank=8:64"], fixed={"l2": 0.05})
        result = cofactor.tune(space, parts, trials=20)
        model = result.trainer.fit(parts.train, parts.validation)
    """
    check_resumable(folder, resume)
    space = trainer if isinstance(trainer, SearchSpace) else SearchSpace.for_trainer(trainer)
    limits = math.inf if trials is None else trials, math.inf if minutes is None else 60 * minutes
    options = TuningOptions(seed, patience, inner_folds, *limits, choose_jobs(space, jobs), test, resume)
    with ExitStack() as stack:
        session = stack.enter_context(TuningSession(as_plan(on), options, folder_or_temporary(folder, stack)))
        result = session.search(session.open_study(space.with_seed(seed)), options.budget(), callbacks)
        if not test or result.ending == "interrupted":
            return result
        return session.evaluate_on_test(result)


@check_arguments()
def sweep(
    trainer: type[Trainer],
    values: Mapping[str, Sequence[Any]],
    on: Split | EvaluationPlan,
    *,
    fixed: Mapping[str, Any] | None = None,
    seeds: int = 1,
    inner_folds: int = 0,
    patience: int = 3,
    seed: int = 0,
    jobs: int | None = None,
    folder: Path | str | None = None,
    resume: bool = False,
    callbacks: SearchCallbacks | None = None,
) -> SearchResult:
    """Trains with every combination of values, each with the seeds 0, 1, …, without pruning and without the test part.

    The other arguments are those of `tune`.

        result = cofactor.sweep(SVD, {"rank": [8, 16, 32]}, parts, seeds=3)
        print([(one.hyperparameters, one.value, one.error) for one in result.history.trials])
    """
    check_resumable(folder, resume)
    space = SearchSpace.grid(trainer, values, fixed or {}, seeds)
    options = TuningOptions(seed, patience, inner_folds, jobs=choose_jobs(space, jobs), test=False, resume=resume)
    with ExitStack() as stack:
        session = stack.enter_context(TuningSession(as_plan(on), options, folder_or_temporary(folder, stack)))
        study = session.open_study(space.with_seed(seed), sweep=True)
        return session.search(study, options.budget(), callbacks, sweep=True)


def check_resumable(folder: Path | str | None, resume: bool) -> None:
    """Raises BadHyperparameter where a search would be resumed from no folder."""
    if resume and folder is None:
        raise BadHyperparameter("resume is set without a folder", "name the folder that holds the study")


def as_plan(on: Split | EvaluationPlan) -> EvaluationPlan:
    """A plan, or the plan of one split."""
    check_type("the split", on, (Split, EvaluationPlan), "cofactor.split makes one of ratings")
    return on if isinstance(on, EvaluationPlan) else single_split_plan(on)


def folder_or_temporary(folder: Path | str | None, stack: ExitStack) -> Path:
    """The folder, or a temporary one that is removed when the stack is closed."""
    if folder is not None:
        return Path(folder)
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cofactor-", ignore_cleanup_errors=True)))
