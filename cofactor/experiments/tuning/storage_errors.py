"""What goes wrong with a file of searches, in words for the person whose file it is."""

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cofactor.errors import BadArtifact

HINT = "leave --resume out and name another folder with -o"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
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


@contextmanager
def content_errors(path: Path) -> Iterator[None]:
    """What Optuna stumbles over in a file that says what no search can have said."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadArtifact(f"{path} is damaged: {str(error)[:200]}", HINT) from error
