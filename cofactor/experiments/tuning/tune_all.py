"""Searches for several trainers on one split, and the comparison of the best of each."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from cofactor.argument_names import check_arguments
from cofactor.data.splitting.split import Split
from cofactor.errors import BadHyperparameter, CofactorError
from cofactor.experiments.comparison.candidates import Candidate
from cofactor.experiments.comparison.run import ComparisonCallbacks, SplitNotes, run_comparison
from cofactor.experiments.comparison.summarize import summarize
from cofactor.experiments.comparison.summary import ComparisonSummary
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.tuning.result import SearchResult
from cofactor.experiments.tuning.search import SearchCallbacks
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.session import TuningOptions, TuningSession
from cofactor.experiments.tuning.tune import DEFAULT_MINUTES, as_plan, folder_or_temporary
from cofactor.trainers.base import Trainer

__all__ = ["tune_all"]

RunSearch = Callable[[SearchSpace, float], SearchResult]  # the second argument: the share of the remaining time


@check_arguments()
def tune_all(
    trainers: Sequence[type[Trainer]],
    on: Split | EvaluationPlan,
    *,
    minutes: float | None = DEFAULT_MINUTES,
    trials: int | None = None,
    inner_folds: int = 0,
    patience: int = 3,
    seed: int = 0,
    jobs: int | None = None,
    test: bool = True,
    folder: Path | None = None,
    resume: bool = False,
    callbacks: SearchCallbacks | None = None,
) -> list[SearchResult]:
    """Searches for each trainer in turn with an equal share of the remaining time, and compares the best of each.

    minutes: time limit of all searches together. trials: number of trials of each search; None: no limit. The other
    arguments are those of `cofactor.tune`. The test part is read once, to compare the best of each trainer: `test` of
    every result is that comparison, or None after an interruption.

    A trainer without search ranges, or whose trials all fail, is left out. Raises BadHyperparameter where no trainer
    has a search range, and the error of the first search where all of them fail.

        results = cofactor.tune_all([SVD, Baseline], parts, minutes=20)
        print({one.space.trainer.name: one.best.value for one in results})
    """
    for one in [trainers] if isinstance(trainers, str | type) else trainers:
        if not isinstance(one, type) or isinstance(trainers, type):
            raise BadHyperparameter(f"trainers holds {one!r}", "give a list of classes, as in [SVD, Baseline]")
    tunable = [one for one in trainers if one.tunable()]
    if not tunable:
        raise BadHyperparameter("no trainer has a search range", "name others, or tune one with ranges of your own")
    limits = math.inf if trials is None else trials, math.inf if minutes is None else 60 * minutes
    options = TuningOptions(seed, patience, inner_folds, *limits, jobs, test, resume)
    with ExitStack() as stack:
        session = stack.enter_context(TuningSession(as_plan(on), options, folder_or_temporary(folder, stack)))

        def search(space: SearchSpace, share: float) -> SearchResult:
            return session.search(session.open_study(space), options.budget(share), callbacks)

        found = [result for _, result in search_each(tunable, seed, search)]
        results = [one for one in found if isinstance(one, SearchResult)]
        if not results:
            raise next(one for one in found if isinstance(one, CofactorError))
        if not can_compare(session, results):
            return results
        return compare_tuned(session, results)[0]


def search_each(
    trainers: Sequence[type[Trainer]], seed: int, search: RunSearch
) -> Iterator[tuple[type[Trainer], SearchResult | CofactorError]]:
    """Runs a search for each trainer in turn, and yields its result or its error; ends after an interrupted search."""
    for n, trainer in enumerate(trainers):
        try:
            result = search(SearchSpace.for_trainer(trainer).with_seed(seed), 1 / (len(trainers) - n))
        except CofactorError as error:
            yield trainer, error
            continue
        yield trainer, result
        if result.ending == "interrupted":
            return


def can_compare(session: TuningSession, results: Sequence[SearchResult]) -> bool:
    """Whether the test part is to be read: it was not switched off, and no search was interrupted."""
    return session.options.test and all(one.ending != "interrupted" for one in results)


def compare_tuned(
    session: TuningSession,
    results: Sequence[SearchResult],
    callbacks: ComparisonCallbacks | None = None,
    *,
    out: Path | None = None,
    notes: SplitNotes = lambda split: {},
    command: str = "",
) -> tuple[list[SearchResult], ComparisonSummary]:
    """Trains the best of each trainer and compares the models on the test part, as `cofactor.compare` does.

    Returns the results with the comparison, and its summary. callbacks, out, notes: as in `run_comparison`. command:
    the command line that repeats the comparison. Raises KeyboardInterrupt where it is interrupted before its first
    model.
    """
    plan, patience = session.plan, session.options.patience
    candidates = [Candidate(one.space.trainer.name, one.trainer, patience, plan.refit) for one in results]
    summary = summarize(plan, run_comparison(plan, candidates, callbacks, out=out, notes=notes), command=command)
    readings = session.count_test_reading(results)
    return [replace(one, test=summary.comparison, test_readings=readings) for one in results], summary
