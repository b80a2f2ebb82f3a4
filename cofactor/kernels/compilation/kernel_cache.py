"""Where compiled kernels are kept, so that they are compiled once and not in every process.

Numba keeps them in NUMBA_CACHE_DIR where that is set, otherwise beside the source, otherwise in the user's cache. Where
none of these can be written, as in a container with a home of somebody else, they go into a private folder among the
temporary files; and where that is impossible too, they are compiled anew in each process.
"""

# mypy: disable-error-code="no-untyped-call,attr-defined"

import logging
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import config
from numba.core.caching import FunctionCache, NullCache

LOGGER = logging.getLogger("cofactor.kernels")
PRIVATE = 0o700  # the files are read as code: nobody else may write them


class KernelCache(FunctionCache):
    """Numba's cache of one function. A file that cannot be read or written is passed over: the function is compiled."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            found = super().load_overload(sig, target_context)
        except Exception:  # a damaged file raises any error of unpickling
            found = None
            with suppress(OSError):
                self.flush()
        if found is None:
            announce_compilation()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _warn(f"compiled kernels cannot be kept in {self.cache_path}: {error.strerror or error}")


class NoCache(NullCache):
    """Keeps nothing."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        announce_compilation()


def make_cache(function: Callable[..., Any]) -> KernelCache | NoCache:
    """The cache of a function, in the first place that can be written."""
    try:
        return KernelCache(function)
    except RuntimeError:  # Numba found no place
        folder = private_folder()
    try:
        if folder is not None:
            with _numba_cache_folder(folder):
                return KernelCache(function)
    except RuntimeError:
        pass
    _warn("there is no place to keep compiled kernels, so each process compiles them; NUMBA_CACHE_DIR can name one")
    return NoCache()


@lru_cache(maxsize=1)
def private_folder() -> Path | None:
    """A folder of this user among the temporary files; None where it cannot be made, or others may write to it."""
    try:
        name = f"cofactor-kernels-{os.getuid()}" if hasattr(os, "getuid") else "cofactor-kernels"
        folder = Path(tempfile.gettempdir()) / name
        with suppress(FileExistsError):
            folder.mkdir(mode=PRIVATE)
        return folder if is_private(folder) else None
    except OSError:
        return None


def is_private(folder: Path) -> bool:
    """Whether a folder, and no link to one, is this user's and nobody else may use it."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) == PRIVATE)


@contextmanager
def _numba_cache_folder(folder: Path) -> Iterator[None]:
    """Makes Numba choose this folder for the caches that are made meanwhile, and for no others."""
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


@lru_cache(maxsize=1)
def announce_compilation() -> None:
    """Says once in a process that kernels are compiled: in the log, or on the terminal of whoever looks on."""
    message = "compiling kernels, once; this takes some seconds"
    if LOGGER.isEnabledFor(logging.INFO):
        LOGGER.info(message)
    elif _is_watched():
        sys.stderr.write(f"cofactor: {message}\n")


def _is_watched() -> bool:
    """Whether somebody sees stderr: a terminal, or a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


@lru_cache(maxsize=1)
def _warn(message: str) -> None:
    LOGGER.warning(message)
