"""A process that trains for another one tells it when kernels are compiled, and the other one announces it once."""

import logging
import sys
from collections.abc import Callable

LOGGER = "cofactor.kernels"


class CompilationHandler(logging.Handler):
    """Calls `tell` when the kernels say that they are compiled; their warnings go to stderr."""

    def __init__(self, tell: Callable[[], object]) -> None:
        super().__init__(logging.INFO)
        self.tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO:
            self.tell()
        else:
            sys.stderr.write(record.getMessage() + "\n")


def forward_compilation(tell: Callable[[], object]) -> None:
    """Calls `tell` in this process when kernels are compiled, in place of a line on stderr."""
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    logger.handlers = [CompilationHandler(tell)]


def announce_compilation() -> None:
    """Says that another process compiles kernels, as if it were this one."""
    from cofactor.kernels.compilation import kernel_cache  # imports Numba

    kernel_cache.announce_compilation()
