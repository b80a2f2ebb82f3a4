"""Translates errors of Optuna and SQLite about a study file into messages for its user."""

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cofactor.errors import BadArtifact

HINT = "leave --resume out and name another folder with -o"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Hides warnings of Optuna, and raises BadArtifact for a file that cannot be read or written."""
    import optuna
    import sqlalchemy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error) as error:
        said = str(error.__cause__ or error).partition("\n")[0]
        raise BadArtifact(f"{path} cannot be used: {said}", "the disk may be full, or the file damaged") from None


@contextmanager
def content_errors(path: Path) -> Iterator[None]:
    """Raises BadArtifact for a file whose content Optuna cannot interpret."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadArtifact(f"{path} is damaged: {str(error)[:200]}", HINT) from None
