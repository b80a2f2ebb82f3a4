"""The trials of a search in an SQLite file: what was tried, what it gave, and what to try next.

The file is Optuna's own, so its other programs can read it too. One process alone writes to it, the one that gives out
trials; those that train have no hand in it. So there is nobody to wait for, SQLite is enough, and a trial whose process
was killed cannot hold up another: it has no result, does not count, and is given out again.
"""

import itertools
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.checkpoint import check_same
from cofactor.errors import BadArtifact
from cofactor.experiments.judging import Judgement
from cofactor.experiments.space import Space, Words
from cofactor.experiments.trial import Trial

if TYPE_CHECKING:
    import optuna

HINT = "leave --resume out and name another folder with -o"
RANDOM_TRIALS = 10  # before the first that learns from others
WARM_UP = 3  # tenths of a training in which none is pruned
COMPARED_WITH = 5  # trainings that are done before the first is pruned
GOOD = 0.25  # share of the trials that importance is about: what sets them apart from the others
ENOUGH = 8  # trials that are done, to speak of importance
FIGURES = {"metric": str, "loss": float, "epochs": int, "seconds": float, "cpu_seconds": float}


@dataclass(frozen=True)
class Candidate:
    """Hyperparameters that are being tried."""

    number: int
    values: dict[str, Any]
    trial: "optuna.trial.Trial" = field(repr=False)


@dataclass
class Study:
    """The search of one trainer."""

    path: Path
    space: Space
    seed: int
    kept: "optuna.Study" = field(repr=False)
    running: dict[int, Candidate] = field(default_factory=dict)

    def begin(self, *, sweep: bool) -> None:
        """What was being tried when a process died is given out again; first of all, what is tried in any case: every
        point of a sweep, or the defaults."""
        import optuna

        with keeping(self.path):
            trials = self.kept.get_trials(deepcopy=False)
            for one in trials:
                if one.state == optuna.trial.TrialState.RUNNING:
                    self._give_up(one)
            known = [one.user_attrs.get("given") for one in trials]
            for values in _points(self.space) if sweep else [self.space.default()]:
                if values not in known:
                    self._give_out(values)

    def ask(self) -> Candidate:
        """What to try next.

        Drawn by a seed of its own for each trial, so that a search that was broken off goes on as if it had not been.
        """
        import optuna

        with keeping(self.path):
            number = len(self._counted()) + len(self.running)
            seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
            self.kept.sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=RANDOM_TRIALS, constant_liar=True
            )
            trial = self.kept.ask(self.space.distributions())
            values = trial.user_attrs.get("given") or self.space.typed(trial.params)
            trial.set_user_attr("values", values)
        candidate = Candidate(number, values, trial)
        self.running[number] = candidate
        return candidate

    def waiting(self) -> int:
        """How many are to be tried in any case and have not been given out."""
        import optuna

        return len(self.kept.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)))

    def reached(self, candidate: Candidate, step: int, loss: float) -> bool:
        """Records what was reached at a step; whether that is worth going on with: not, where it is worse than the
        median of the trials that came to the end was at the same step."""
        with keeping(self.path):
            candidate.trial.report(loss, step)
            return not candidate.trial.should_prune()

    def told(self, candidate: Candidate, judgement: Judgement) -> Trial:
        """Records what hyperparameters gave."""
        state = "pruned" if judgement.pruned else "done"
        return self._tell(candidate, {**asdict(judgement), "state": state})

    def failed(self, candidate: Candidate, why: str, seconds: float) -> Trial:
        """Records that nothing came of them, which the next are drawn away from."""
        return self._tell(candidate, {"state": "failed", "why": why[:500], "seconds": seconds, "cpu_seconds": 0.0})

    def give_up(self, candidate: Candidate) -> None:
        """Takes one back whose training was broken off: it does not count."""
        del self.running[candidate.number]
        with keeping(self.path):
            self._give_up(self.kept.get_trials(deepcopy=False)[candidate.trial.number])

    def tried(self, values: Mapping[str, Any]) -> Judgement | None:
        """What the same hyperparameters gave before, from the first epoch to the last."""
        for one in self._counted():
            result = one.user_attrs["result"]
            if result["state"] == "done" and one.user_attrs["values"] == dict(values):
                figures = (result["metric"], result["loss"], result["error"], result["epochs"])
                return Judgement(*figures, result["seconds"], result["cpu_seconds"])
        return None

    def trials(self) -> list[Trial]:
        """All that have ended, in the order they began."""
        with keeping(self.path):
            counted = [(one.user_attrs.get("values"), one.user_attrs["result"]) for one in self._counted()]
        return [self._trial(number, values, result) for number, (values, result) in enumerate(counted)]

    def why(self) -> list[str]:
        """Why those failed that did."""
        results = [one.user_attrs["result"] for one in self._counted()]
        return [str(result["why"]) for result in results if "why" in result]

    @property
    def metric(self) -> str | None:
        """What the trials are judged by; None as long as none has come to an end."""
        found = [one.user_attrs["result"].get("metric") for one in self._counted()]
        return next((metric for metric in found if metric), None)

    def importances(self) -> dict[str, float]:
        """Of each hyperparameter, adding up to 1: how unlike a quarter of the trials, the best, is in it to all of them
        (PED-ANOVA, S. Watanabe et al., IJCAI 2023). Empty where too few have come to an end."""
        import optuna

        done = self.kept.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
        if len(done) < ENOUGH or not self.space.axes:
            return {}
        if len(self.space.axes) == 1:
            return dict.fromkeys(self.space.axes, 1.0)
        with keeping(self.path):
            evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=GOOD)
            found = optuna.importance.get_param_importances(self.kept, evaluator=evaluator)
        total = sum(found.values())
        return {name: value / total for name, value in found.items()} if total > 0 else {}

    def note(self, name: str, value: Any) -> None:
        """Keeps plain data with the study."""
        with keeping(self.path):
            self.kept.set_user_attr(name, value)

    def noted(self, name: str) -> Any:
        return self.kept.user_attrs.get(name)

    def _counted(self) -> "list[optuna.trial.FrozenTrial]":
        return [one for one in self.kept.get_trials(deepcopy=False) if _is_result(one.user_attrs.get("result"))]

    def _trial(self, number: int, values: Any, result: Mapping[str, Any]) -> Trial:
        if not isinstance(values, dict) or values.keys() != self.space.axes.keys():
            raise BadArtifact(f"{self.path}: a trial is of other hyperparameters", HINT)
        loss, sign = result.get("loss"), -1 if result.get("metric") == "ndcg@10" else 1
        value = None if loss is None else sign * loss
        figures = (value, result.get("error"), result.get("epochs"), result["seconds"], result["cpu_seconds"])
        return Trial(number, self.space.trainer.name, values, result["state"], *figures)

    def _tell(self, candidate: Candidate, result: dict[str, Any]) -> Trial:
        """The result first: a trial with one counts, whatever Optuna was told of it."""
        import optuna

        states, trial = optuna.trial.TrialState, candidate.trial
        with keeping(self.path):
            trial.set_user_attr("result", result)
            if not self.space.holds(candidate.values):  # defaults outside the ranges: nothing to draw from
                self.kept.tell(trial, state=states.FAIL)
            elif result["state"] == "done":
                self.kept.tell(trial, result["loss"])
            else:  # a failed one counts as the worst, so that the next are not drawn beside it
                self.kept.tell(trial, state=states.PRUNED)
        del self.running[candidate.number]
        return self._trial(candidate.number, candidate.values, result)

    def _give_out(self, values: Mapping[str, Any]) -> None:
        """Puts hyperparameters first in the queue; those outside the ranges go by their side."""
        params = dict(values) if self.space.holds(values) else {}
        self.kept.enqueue_trial(params, user_attrs={"given": dict(values)})

    def _give_up(self, one: "optuna.trial.FrozenTrial") -> None:
        """Of one that has its result already, only Optuna has not been told."""
        import optuna

        self.kept.tell(one.number, state=optuna.trial.TrialState.FAIL)
        if (given := one.user_attrs.get("given")) is not None and not _is_result(one.user_attrs.get("result")):
            self._give_out(given)


class Store:
    """The file, which one process holds at a time; it may keep the studies of several trainers."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Raises BadArtifact where there is a file and it is not to be gone on with, where it is no file of studies, or
        where another process holds it."""
        self.path = path
        if path.exists():
            if not resume:
                hint = "add --resume to go on with it, or name another folder with -o"
                raise BadArtifact(f"there is a search in {path}", hint)
            _check(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = sqlite3.connect(path.with_name(f"{path.name}.lock"), timeout=0, isolation_level=None)
        try:
            self.lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            hint = "wait for it, or name another folder with -o"
            raise BadArtifact(f"another search is writing to {path}", hint) from None
        except sqlite3.DatabaseError as error:
            raise BadArtifact(f"{path.name}.lock beside {path} is no lock: {error}", "remove it") from None
        with keeping(path):
            self.storage = self._storage()

    def study(self, space: Space, seed: int, same: Mapping[str, Any], *, sweep: bool = False) -> Study:
        """The study of a trainer, begun or taken up again.

        same: what has to be the same for it to be the same search; raises what `check_same` raises where it is not.
        """
        import optuna

        with keeping(self.path):
            pruner = optuna.pruners.MedianPruner(COMPARED_WITH, n_warmup_steps=WARM_UP)
            name = space.trainer.name
            kept = optuna.create_study(storage=self.storage, study_name=name, load_if_exists=True, pruner=pruner)
            there = kept.user_attrs.get("search")
        if there is None and len(kept.get_trials(deepcopy=False)):
            raise BadArtifact(f"{self.path} holds a study of {name} that cofactor did not make", HINT)
        if there is not None:
            check_same(self.path, there, same)
        with keeping(self.path):
            kept.set_user_attr("search", dict(same))
        study = Study(self.path, space, seed, kept)
        study.begin(sweep=sweep)
        return study

    def close(self) -> None:
        with keeping(self.path):
            self.storage.engine.dispose()
        self.lock.close()

    def _storage(self) -> "optuna.storages.RDBStorage":
        import optuna

        def connect() -> sqlite3.Connection:
            there = sqlite3.connect(self.path, check_same_thread=False)
            there.execute("PRAGMA journal_mode=WAL")  # with it, a killed process damages nothing and no step is slow
            there.execute("PRAGMA synchronous=NORMAL")
            return there

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})


@contextmanager
def keeping(path: Path) -> Iterator[None]:
    """Optuna's warnings are for programmers; what goes wrong with the file is a BadArtifact."""
    import optuna
    import sqlalchemy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error) as error:
        said = str(error.__cause__ or error).partition("\n")[0]
        raise BadArtifact(f"{path} cannot be used: {said}", "the disk may be full, or the file damaged") from error


def _check(path: Path) -> None:
    """Whether a file holds studies: Optuna would add its tables to anybody's database."""
    try:
        there = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            tables = {name for (name,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            there.close()
    except sqlite3.Error as error:
        raise BadArtifact(f"{path} is no file of searches: {error}", HINT) from None
    if not {"studies", "trials", "alembic_version"} <= tables:
        raise BadArtifact(f"{path} is no file of searches", HINT)


def _points(space: Space) -> Iterator[dict[str, Any]]:
    """Every point of a grid, the last axis first."""
    words = [axis.words for axis in space.axes.values() if isinstance(axis, Words)]
    for values in itertools.product(*words):
        yield dict(zip(space.axes, values, strict=True))


def _is_result(result: Any) -> bool:
    """Whether it is one that cofactor wrote."""
    if not isinstance(result, dict) or result.get("state") not in ("done", "pruned", "failed"):
        return False
    wanted = ("seconds", "cpu_seconds") if result["state"] == "failed" else FIGURES
    return all(isinstance(result.get(name), FIGURES[name]) for name in wanted)
