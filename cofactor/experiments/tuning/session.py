"""What the searches on one split share: the split, the study file, the worker processes and the time limit."""

import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from cofactor.data.splitting.saved_split import write_parts
from cofactor.data.splitting.split import Split
from cofactor.errors import BadHyperparameter
from cofactor.evaluation.compare import compare_reports
from cofactor.evaluation.comparison import Comparison
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.tuning.objective import check_validation
from cofactor.experiments.tuning.result import SearchResult
from cofactor.experiments.tuning.search import (
    Budget,
    Ending,
    HyperparameterSearch,
    SearchCallbacks,
    average_seeds,
    best_trial,
    find_trial,
)
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.study import Study
from cofactor.experiments.tuning.study_storage import StudyStorage
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.experiments.tuning.worker_pool import WorkerPool, divide_cores
from cofactor.trainers.base import Trainer
from cofactor.training.checkpoint import digest_ratings
from cofactor.training.fit import fit

EVALUATION_SECONDS = 6.0  # reserved for the evaluation on the test part and the report


@dataclass(frozen=True)
class TuningOptions:
    """The options of a search.

    inner_folds: number of folds of the train and validation parts that trials are evaluated on; 0: on the validation
        part. n_trials: over all runs of a study. seconds: of this run, including the evaluation on the test part.
    jobs: number of parallel trainings; None: one for each core, at most 8. test: whether to evaluate the best and the
        default hyperparameters on the test part at the end.
    """

    seed: int = 0
    patience: int = 3
    inner_folds: int = 0
    n_trials: float = math.inf
    seconds: float = math.inf
    jobs: int | None = None
    test: bool = True
    resume: bool = False
    study: Path | None = None  # None: study.db in the folder
    started: float = field(default_factory=time.monotonic)

    def budget(self, share: float = 1.0) -> Budget:
        """The number of trials, and a share of the time that is left."""
        return Budget(self.n_trials, (self.seconds - (time.monotonic() - self.started)) * share)


def choose_jobs(space: SearchSpace, jobs: int | None) -> int | None:
    """The number of parallel trainings: 1 on a GPU, which parallel trainings would share, unless another is given."""
    return 1 if jobs is None and space.fixed.get("device") == "cuda" else jobs


def first_split_plan(plan: EvaluationPlan) -> tuple[EvaluationPlan, str, Split]:
    """A plan of the first split of a plan alone, its name, and the split.

    Test ratings of one random split are validation ratings of another: what was chosen on the first split can be tested
    on the first split alone.
    """
    name, split = next(iter(plan.splits()))
    title = f"{plan.name}, {name}" if plan.n_splits > 1 else plan.name
    return replace(plan, name=title, splits=lambda: iter([(name, split)]), n_splits=1), name, split


class TuningSession:
    """A context in which searches run on the first split of a plan; their studies share one file.

    make_command: gives the command line that trains with certain hyperparameters.
    """

    def __init__(
        self,
        plan: EvaluationPlan,
        options: TuningOptions,
        folder: Path,
        make_command: Callable[[Trainer], str] = lambda trainer: "",
    ) -> None:
        self.plan, _, self.split = first_split_plan(plan)
        self.options, self.folder, self.make_command = options, folder, make_command
        self.studies: dict[str, Study] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        options = self.options
        with ExitStack() as stack:
            check_validation(self.split.validation, self.split.kind, options.inner_folds)
            self.ratings_digest = digest_ratings([self.split.train, self.split.validation])
            self.storage = StudyStorage(options.study or self.folder / "study.db", resume=options.resume)
            stack.callback(self.storage.close)
            parts = stack.enter_context(_written_parts(self.split, self.storage.path.with_suffix(".ratings")))
            n_jobs, self.threads = divide_cores(options.jobs)
            self.pool = stack.enter_context(WorkerPool(parts, n_jobs, self.threads, options.inner_folds, options.seed))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def open_study(self, space: SearchSpace, *, sweep: bool = False) -> Study:
        """The study of a trainer, new or resumed.

        Raises SplitMismatch or BadHyperparameter where the file holds a study with other settings.
        """
        name, options = space.trainer.name, self.options
        settings = {
            "trainer": name,
            "hyperparameters": space.describe() | {"patience": options.patience},
            "split": self.split.fingerprint,
            "ratings": self.ratings_digest,
            "judged by": f"{options.inner_folds} folds" if options.inner_folds else "the validation part",
            "seed": options.seed,
            "kind": "sweep" if sweep else "search",
        }
        study = self.studies[name] = self.storage.open_study(space, options.seed, settings, sweep=sweep)
        return study

    def search(
        self,
        study: Study,
        budget: Budget,
        callbacks: SearchCallbacks | None = None,
        is_stopped: Callable[[], bool] = lambda: False,
        *,
        sweep: bool = False,
    ) -> SearchResult:
        """Runs a search until the budget is used up, everything is tried, or `is_stopped` says so.

        A KeyboardInterrupt ends it as well. Raises BadHyperparameter where no trial finished.
        """
        started, patience = time.monotonic(), self.options.patience
        search = HyperparameterSearch(
            study,
            self.pool,
            budget,
            patience,
            self.threads,
            sweep,
            callbacks or SearchCallbacks(),
            (lambda trials: 0.0) if sweep else self._final_seconds(study),
            is_stopped,
        )
        try:
            ending = search.run()
        except KeyboardInterrupt:
            if is_stopped():  # asked to stop before: this one is to quit
                raise
            ending = "interrupted"
        return self._make_result(study, ending, time.monotonic() - started, sweep=sweep)

    def evaluate_on_test(self, result: SearchResult) -> SearchResult:
        """The result with the metrics of the tuned and the default model on the test part."""
        ((_, split),) = self.plan.splits()
        comparison = evaluate_finals(self.plan, split, result.final_trainers, self.options.patience)
        return replace(result, test=comparison, test_readings=self.count_test_reading([result]))

    def count_test_reading(self, results: Sequence[SearchResult]) -> int:
        """Records one more reading of the test part in the studies; the number of readings so far."""
        readings = 0
        for result in results:
            study = self.studies[result.space.trainer.name]
            readings = max(readings, int(study.get_note("test_readings") or 0) + 1)
            study.set_note("test_readings", readings)
        return readings

    def _make_result(self, study: Study, ending: Ending, seconds: float, *, sweep: bool) -> SearchResult:
        space, trials = study.space, sorted(study.trials, key=lambda one: one.number)
        best = best_trial(average_seeds(trials) if sweep else trials, study.metric)
        if best is None or study.metric is None:
            raise BadHyperparameter(
                f"{space.trainer.name}: no trial finished", "give the search more time; --resume continues it"
            )
        return SearchResult(
            space,
            self.plan.name,
            self.split.fingerprint,
            study.metric,
            trials,
            best,
            find_trial(trials, space.default()),
            {} if sweep else study.importances(),
            ending,
            seconds,
            sweep,
            self.make_command(space.trainer.of(**{**space.fixed, **best.hyperparameters})),
        )

    def _final_seconds(self, study: Study) -> Callable[[list[TrialResult]], float]:
        """A function that estimates the seconds for training and evaluating the best and the default model."""

        def seconds(trials: list[TrialResult]) -> float:
            if not self.options.test:
                return 0.0
            finals = best_trial(trials, study.metric), find_trial(trials, study.space.default())
            training = sum(one.seconds for one in finals if one is not None)
            return training * (1 + self.plan.refit) / max(1, self.options.inner_folds) + EVALUATION_SECONDS

        return seconds


def evaluate_finals(plan: EvaluationPlan, split: Split, trainers: Mapping[str, Trainer], patience: int) -> Comparison:
    """Trains each trainer as `cofactor.fit` does, and compares the models on the test part.

    This is the only place where a search reads the test part. Raises KeyboardInterrupt where a training is interrupted.
    """
    reports = {}
    for name, trainer in trainers.items():
        fitted = fit(trainer, split, patience=patience, refit=plan.refit, progress=False)
        if fitted.interrupted:
            raise KeyboardInterrupt
        reports[name] = [plan.evaluate(fitted.model, split)]
    return compare_reports(reports)


@contextmanager
def _written_parts(split: Split, folder: Path) -> Iterator[Path]:
    """A folder with the train and validation parts for the worker processes; they never get the test part."""
    parts = {"train": split.train, "validation": split.validation}
    write_parts(folder, parts, {"kind": split.kind, "seed": split.seed, "fingerprint": split.fingerprint})
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
