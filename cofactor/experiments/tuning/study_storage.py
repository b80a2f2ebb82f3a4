"""The SQLite file that searches are kept in, which one process holds at a time."""

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofactor.errors import BadArtifact
from cofactor.experiments.tuning.search_space import CategoricalAxis, SearchSpace
from cofactor.experiments.tuning.storage_errors import HINT, content_errors, storage_errors
from cofactor.experiments.tuning.study import Study
from cofactor.training.checkpoint import check_same_training

if TYPE_CHECKING:
    import optuna


class StudyStorage:
    """The file, which one process holds at a time; it may keep the studies of several trainers."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Raises BadArtifact where there is a file and it is not to be gone on with, where it is no file of studies, or
        where another process holds it."""
        self.path = path
        if path.exists():
            if not resume:
                hint = "add --resume to go on with it, or name another folder with -o"
                raise BadArtifact(f"there is a search in {path}", hint)
            _check_is_study_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = sqlite3.connect(path.with_name(f"{path.name}.lock"), timeout=0, isolation_level=None)
        try:
            self.lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            hint = "wait for it, or name another folder with -o"
            raise BadArtifact(f"another search is writing to {path}", hint) from None
        except sqlite3.DatabaseError as error:
            raise BadArtifact(f"{path.name}.lock beside {path} is no lock: {error}", "remove it") from None
        with storage_errors(path):
            self.storage = self._storage()

    def open_study(self, space: SearchSpace, seed: int, same: Mapping[str, Any], *, sweep: bool = False) -> "Study":
        """The study of a trainer, begun or taken up again.

        same: what has to be the same for it to be the same search; raises what `check_same` raises where it is not.
        """
        import optuna

        name = space.trainer.name
        with storage_errors(self.path), content_errors(self.path):
            kept = optuna.create_study(storage=self.storage, study_name=name, load_if_exists=True)
            there, trials = kept.user_attrs.get("search"), kept.get_trials(deepcopy=False)
            if there is None and not trials:
                kept.set_user_attr("search", dict(same))
        if there is None and trials:
            raise BadArtifact(f"{self.path} holds a study of {name} that cofactor did not make", HINT)
        if there is not None:
            check_same_training(self.path, there, same)
        study = Study(self.path, space, seed, kept)
        study.load(_grid_points(space) if sweep else [space.default()])
        return study

    def close(self) -> None:
        with storage_errors(self.path):
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


def _check_is_study_file(path: Path) -> None:
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


def _grid_points(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """Every point of a grid, the last axis first."""
    words = [axis.choices for axis in space.axes.values() if isinstance(axis, CategoricalAxis)]
    for values in itertools.product(*words):
        yield dict(zip(space.axes, values, strict=True))
