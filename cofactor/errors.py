"""The errors that users can cause, each with a hint that says what to do next.

Every such error is a `CofactorError`. The command line prints message and hint and exits with `exit_code`; the service
answers with `status`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import ClassVar

from cofactor.control_characters import escape_unprintable

__all__ = [
    "BadArtifact",
    "BadData",
    "BadHyperparameter",
    "CofactorError",
    "DeadlineExceeded",
    "InUse",
    "ListChanged",
    "RequestTooCostly",
    "SplitMismatch",
    "TrainingDiverged",
    "Unavailable",
    "UnknownArgument",
    "UnknownId",
    "UnknownMetric",
]


class CofactorError(Exception):
    """The base of all errors that users can cause; `str()` gives the message, and the hint on a second line.

    message: one line that names the culprit.
    hint: what to do next; may be empty.
    Both may quote a name from a damaged or foreign file, so characters that are not printable are escaped: a message
    cannot move the cursor of a terminal.
    """

    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = escape_unprintable(message)
        self.hint = escape_unprintable(hint)
        super().__init__(self.message, self.hint)  # both, so that a pickled error keeps its hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class BadData(CofactorError):
    """Ratings, features or a file of them cannot be used as they are."""

    status = 422


class BadHyperparameter(CofactorError):
    """A hyperparameter is misspelt, of the wrong type or out of range."""

    status = 422


class TrainingDiverged(BadHyperparameter):
    """The numbers of a training grew without bound: an epoch whose loss or model is not finite."""


class UnknownArgument(BadHyperparameter, TypeError):
    """A function or a trainer has no argument of this name. It is also a TypeError, as for any function of Python."""


class UnknownMetric(BadHyperparameter, KeyError):
    """A report has no metric of this name. It is also a KeyError, as for any mapping."""


class UnknownId(CofactorError):
    """No user or item has this id."""

    status = 404


class BadArtifact(CofactorError):
    """A saved model, split or checkpoint is damaged, incomplete or of another format."""

    status = 500


class SplitMismatch(CofactorError):
    """Two things that must come from the same split do not: a metric computed from them would be wrong."""

    status = 409


class Unavailable(CofactorError):
    """Something that is needed cannot be reached: a download while offline, a package that is not installed."""

    status = 503


class DeadlineExceeded(Unavailable):
    """A request took longer than the service allows, and was cancelled."""


class RequestTooCostly(CofactorError):
    """A request would take more computing time than the service allows, by an estimate from its own size."""

    status = 413


class InUse(CofactorError):
    """Another process writes to the same folder."""

    status = 409


class ListChanged(CofactorError):
    """The next page of a list was requested, and the list has changed since the first one."""

    status = 409


@contextmanager
def error_context(name: str) -> Iterator[None]:
    """Prefixes the message of a CofactorError raised inside with `name`, usually the name of a file."""
    try:
        yield
    except CofactorError as error:
        named = type(error)(f"{name}: {error.message}", error.hint)
        raise named.with_traceback(error.__traceback__) from None  # one traceback, down to where it was raised


def check_path(path: object, argument: str = "path") -> None:
    """Raises BadData where the argument of a public function is no path."""
    check_type(argument, path, (str, os.PathLike), "give the name of a file or folder, as text or a Path")


def check_whole(argument: str, value: object, hint: str) -> None:
    """Raises BadData where the argument of a public function is no whole number."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise BadData(f"{argument} is {str(value)[:60]!r}", f"{hint}: a whole number")


def check_type(argument: str, value: object, expected: type | tuple[type, ...], hint: str) -> None:
    """Raises BadData where the argument of a public function has another type than expected."""
    if not isinstance(value, expected):
        shown = f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"
        raise BadData(f"{argument} is {shown}", hint)
