"""The study file: an SQLite database with the studies of one or several trainers, locked by one process."""

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cofactor.errors import BadArtifact, InUse
from cofactor.experiments.tuning.search_space import CategoricalAxis, SearchSpace
from cofactor.experiments.tuning.storage_errors import HINT, content_errors, storage_errors
from cofactor.experiments.tuning.study import Study
from cofactor.output_checks import check_output_file
from cofactor.training.checkpoint import check_same_training

if TYPE_CHECKING:
    import optuna


class StudyStorage:
    """A study file that this process has locked."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        """Raises BadArtifact for an existing file without `resume`, for a file that holds no studies or cannot be
        written, and InUse where another process has locked the file."""
        self.path = path
        if path.exists():
            if not resume:
                hint = "add --resume to continue it, or name another folder with -o"
                raise BadArtifact(f"there is a search in {path}", hint)
            _check_is_study_file(path)
        check_output_file(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = _lock(path)
        try:
            with storage_errors(path):
                self.storage = self._storage()
        except BaseException:
            self.lock.close()
            raise

    def open_study(self, space: SearchSpace, seed: int, settings: Mapping[str, Any], *, sweep: bool = False) -> "Study":
        """The study of a trainer, new or resumed.

        settings: must equal those of the study in the file; raises the errors of `check_same_training` where not.
        """
        import optuna

        name = space.trainer.name
        with storage_errors(self.path), content_errors(self.path):
            kept = optuna.create_study(storage=self.storage, study_name=name, load_if_exists=True)
            there, trials = kept.user_attrs.get("search"), kept.get_trials(deepcopy=False)
            if there is None and not trials:
                kept.set_user_attr("search", dict(settings))
        if there is None and trials:
            raise BadArtifact(f"{self.path} holds a study of {name} that cofactor did not write", HINT)
        if there is not None:
            check_same_training(self.path, there, settings)
        study = Study(self.path, space, seed, kept)
        study.load(_grid_points(space) if sweep else [space.default()])
        return study

    def close(self) -> None:
        with storage_errors(self.path):
            self.storage.engine.dispose()
        self.lock.close()

    def _storage(self) -> "optuna.storages.RDBStorage":
        import optuna

        opened = []

        def connect() -> sqlite3.Connection:
            # a killed process damages nothing, and commits are fast
            statements = "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL"
            opened.append(_connect(self.path, *statements, check_same_thread=False))
            return opened[-1]

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            return optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect})
        except BaseException:
            for connection in opened:
                connection.close()
            raise


def _connect(path: Path, *statements: str, **options: Any) -> sqlite3.Connection:
    """A connection on which some statements were executed; it is closed where one of them fails."""
    connection: sqlite3.Connection = sqlite3.connect(path, **options)
    try:
        for statement in statements:
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _lock(path: Path) -> sqlite3.Connection:
    """An exclusive lock beside a study file, held until the connection is closed."""
    try:
        return _connect(path.with_name(f"{path.name}.lock"), "BEGIN EXCLUSIVE", timeout=0, isolation_level=None)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise BadArtifact(f"{path}.lock cannot be written: {error}", "the disk may be full") from None
        hint = "wait until it ends, or name another folder with -o"
        raise InUse(f"another search is writing to {path}", hint) from None
    except sqlite3.DatabaseError as error:
        raise BadArtifact(f"the lock file {path}.lock is damaged: {error}", "remove it") from None


def _check_is_study_file(path: Path) -> None:
    """Raises BadArtifact for a file without studies, before Optuna adds its tables to somebody else's database."""
    try:
        there = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            tables = {name for (name,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            there.close()
    except sqlite3.Error as error:
        raise BadArtifact(f"{path} is not a study file: {error}", HINT) from None
    if not {"studies", "trials", "alembic_version"} <= tables:
        raise BadArtifact(f"{path} is not a study file", HINT)


def _grid_points(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """Every point of a grid, the last axis first."""
    words = [axis.choices for axis in space.axes.values() if isinstance(axis, CategoricalAxis)]
    for values in itertools.product(*words):
        yield dict(zip(space.axes, values, strict=True))
