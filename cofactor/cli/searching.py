"""A search as the command line asks for it: the split, the study, the processes, and the budget."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from rich.console import Console

from cofactor.cli.display.terminal import waiting
from cofactor.cli.display.tuning_progress import Screen, listening
from cofactor.cli.options.data_argument import source_from_options
from cofactor.cli.options.split import take_recipe
from cofactor.cli.options.splits import make_plan
from cofactor.cli.options.train_command import Asked, train_command
from cofactor.cli.tuned import Found
from cofactor.data.data_source import DataSource
from cofactor.data.splitting.recipe import SplitRecipe
from cofactor.data.splitting.saved_split import write_parts
from cofactor.data.splitting.split import Split
from cofactor.errors import BadHyperparameter
from cofactor.experiments.evaluation_plan import EvaluationPlan
from cofactor.experiments.tuning.objective import check_validation
from cofactor.experiments.tuning.search import Budget, HyperparameterSearch, average_seeds, best_trial, find_trial
from cofactor.experiments.tuning.search_space import SearchSpace
from cofactor.experiments.tuning.study import Study
from cofactor.experiments.tuning.study_storage import StudyStorage
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.experiments.tuning.worker_pool import WorkerPool, divide_cores
from cofactor.training.checkpoint import digest_ratings

USUAL_TRIALS, USUAL_MINUTES = 50, 10
MEASURING = 6.0  # seconds left for the test part and the report, beside those of training once more
UNLIMITED = float("inf")


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line, but for the trainer and where to look."""

    source: DataSource
    recipe: SplitRecipe
    protocol: str | None
    seed: int
    patience: int
    inner_folds: int  # 0: judged by the validation part
    trials: float
    seconds: float
    jobs: int | None
    out: Path | None
    study: Path | None
    resume: bool
    test: bool
    as_json: bool
    quiet: bool
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, data: str | None, options: dict[str, Any]) -> Self:
        """From the argument and the options of every search, which are taken out of `options`."""
        source, seed = source_from_options(data, options), options["seed"]
        recipe, protocol = take_recipe(options), options.pop("protocol")
        n_folds = options.pop("inner_folds") or 0
        trials, minutes = options.pop("trials"), options.pop("minutes")
        if trials is None and minutes is None and not options.get("sweep"):
            trials, minutes = USUAL_TRIALS, USUAL_MINUTES
        budget = trials or UNLIMITED, 60 * minutes if minutes else UNLIMITED
        names = ("jobs", "out", "study", "resume", "test", "as_json", "quiet")
        rest = {name: options.pop(name) for name in names}
        return cls(source, recipe, protocol, seed, options.pop("patience"), n_folds, *budget, **rest)

    def budget(self, share: float = 1.0) -> Budget:
        """A share of the time that is left."""
        return Budget(self.trials, (self.seconds - (time.monotonic() - self.started)) * share)


class Searching:
    """What searches of one data set share: its split, the file of the studies, and the processes that train."""

    def __init__(self, wanted: Wanted, folder: Path, console: Console) -> None:
        self.wanted, self.folder, self.console = wanted, folder, console
        self.studies: dict[str, Study] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        wanted = self.wanted
        with ExitStack() as stack:
            self.plan, self.split, source = _first(wanted, self.console)
            self.asked = Asked(source, self.plan.recipe, wanted.protocol, wanted.seed, wanted.patience)
            check_validation(self.split.validation, self.split.kind, wanted.inner_folds)
            self.ratings = digest_ratings([self.split.train, self.split.validation])
            self.store = StudyStorage(wanted.study or self.folder / "study.db", resume=wanted.resume)
            stack.callback(self.store.close)
            with waiting(self.console, "handing out the ratings"):
                folder = stack.enter_context(_handed_out(self.split, self.store.path.with_suffix(".ratings")))
            n_jobs, self.threads = divide_cores(wanted.jobs)
            self.pool = stack.enter_context(WorkerPool(folder, n_jobs, self.threads, wanted.inner_folds, wanted.seed))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def search(self, study: Study, budget: Budget, *, sweep: bool = False) -> Found:
        """Until the budget is used up, all is tried, or Ctrl-C is pressed."""
        space, patience, started = study.space, self.wanted.patience, time.monotonic()
        with Screen(study, budget, self.console, self.pool.size) as screen, listening(self.console) as stopped:
            after = self._afterwards(space, sweep=sweep)
            tuning = HyperparameterSearch(
                study, self.pool, budget, patience, self.threads, sweep, screen, after, stopped
            )
            ending = tuning.run()
        trials = sorted(study.trials, key=lambda one: one.number)
        best = best_trial(average_seeds(trials) if sweep else trials, study.metric)
        if best is None or study.metric is None:
            raise BadHyperparameter(
                f"{space.trainer.name}: no trial came to an end", "give it more time; --resume goes on with it"
            )
        return Found(
            space,
            self.plan.name,
            self.split.fingerprint,
            study.metric,
            trials,
            best,
            find_trial(trials, space.default()),
            {} if sweep else study.importances(),
            train_command(self.asked, space.trainer.of(**{**space.fixed, **best.hyperparameters})),
            ending,
            time.monotonic() - started,
            sweep,
        )

    def study(self, space: SearchSpace, *, sweep: bool) -> Study:
        """That of a trainer, begun or taken up again."""
        name, wanted = space.trainer.name, self.wanted
        judged_by = f"{wanted.inner_folds} folds" if wanted.inner_folds else "the validation part"
        same = {
            "trainer": name,
            "hyperparameters": space.describe() | {"patience": wanted.patience},
            "split": self.split.fingerprint,
            "ratings": self.ratings,
            "judged by": judged_by,
            "seed": wanted.seed,
            "kind": "sweep" if sweep else "search",
        }
        study = self.studies[name] = self.store.open_study(space, wanted.seed, same, sweep=sweep)
        if n := len(study.trials):
            self.console.print(f"going on with {self.store.path}, after {n} trials", markup=False)
        return study

    def read_test(self, found: list[Found]) -> int:
        """Notes that the test part was read; how many times it was, in these searches."""
        readings = 0
        for one in found:
            study = self.studies[one.space.trainer.name]
            readings = max(readings, int(study.get_note("test_readings") or 0) + 1)
            study.set_note("test_readings", readings)
        return readings

    def _afterwards(self, space: SearchSpace, *, sweep: bool) -> Callable[[list[TrialResult]], float]:
        """Seconds that training the best and the default once more will take, and measuring them."""

        def seconds(trials: list[TrialResult]) -> float:
            if sweep or not self.wanted.test:
                return 0.0
            metric = self.studies[space.trainer.name].metric
            again = best_trial(trials, metric), find_trial(trials, space.default())
            took = sum(one.seconds for one in again if one is not None)
            return took * (1 + self.plan.refit) / max(1, self.wanted.inner_folds) + MEASURING

        return seconds


def _first(wanted: Wanted, console: Console) -> tuple[EvaluationPlan, Split, DataSource]:
    """The first split, as a plan of it alone, and where it is read from.

    Of random splits of the same ratings, rows that are tested in one are validation rows of another: what was chosen
    on the first can be tested on the first alone.
    """
    source, plan = wanted.source, make_plan(wanted.source, wanted.recipe, {"protocol": wanted.protocol}, console)
    name, split = next(iter(plan.splits()))
    called = plan.name
    if plan.n_splits > 1:
        console.print(f"searched and tested on {name}, the first of {plan.n_splits} splits", markup=False)
        called = f"{plan.name}, {name}"
        if wanted.protocol is None and not source.is_synthetic:
            source = source.subfolder(name)
    return replace(plan, name=called, splits=lambda: iter([(name, split)]), n_splits=1), split, source


@contextmanager
def _handed_out(split: Split, folder: Path) -> Iterator[Path]:
    """A folder with the train and the validation part, which the processes read; the test part is not in it."""
    parts = {"train": split.train, "validation": split.validation}
    write_parts(folder, parts, {"kind": split.kind, "seed": split.seed, "fingerprint": split.fingerprint})
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
