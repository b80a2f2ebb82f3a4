"""What can go wrong, in words for the person in front of it.

Every error a user can cause is a `CofactorError`: one line that names the culprit, and a hint that says what to do
next. The command line prints both and exits with `exit_code`; the service answers with `status`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class CofactorError(Exception):
    """The base: `message` is one line that names the culprit, `hint` says what to do next.

    Both may repeat a name out of a damaged file or of somebody else's: nothing in them can move a terminal's cursor.
    """

    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = _printable(message)
        self.hint = _printable(hint)
        super().__init__(self.message)


def _printable(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


class BadData(CofactorError):
    """The ratings cannot be used as they are."""

    status = 422


class BadHyperparameter(CofactorError):
    """A hyperparameter is misspelt, of the wrong type or out of range."""

    status = 422


class UnknownId(CofactorError):
    """No user or item of that id is known."""

    status = 404


class BadArtifact(CofactorError):
    """A saved model or split is damaged, incomplete or not what it says it is."""

    status = 500


class SplitMismatch(CofactorError):
    """Two things that must come from one split do not: a figure made from them would be wrong."""

    status = 409


class Unavailable(CofactorError):
    """Something needed is not here: a download while offline, a package that is not installed."""

    status = 503


class ListChanged(CofactorError):
    """A list cannot be gone on with: what it was made of is another by now."""

    status = 409


@contextmanager
def error_context(name: str) -> Iterator[None]:
    """Puts the name of the file in front of what is said about it."""
    try:
        yield
    except CofactorError as error:
        raise type(error)(f"{name}: {error.message}", error.hint) from error
