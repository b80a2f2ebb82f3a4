"""Which file an error is about."""

from collections.abc import Iterator
from contextlib import contextmanager

from cofactor.errors import CofactorError


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Puts the name of the file in front of what is said about it."""
    try:
        yield
    except CofactorError as error:
        raise type(error)(f"{name}: {error.message}", error.hint) from error
