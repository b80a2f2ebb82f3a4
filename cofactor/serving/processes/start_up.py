"""The start of a worker whose models may be damaged: it ends with the service, or tries again while others answer."""

import logging
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from cofactor.errors import CofactorError
from cofactor.serving.processes.run_folder import RunFolder

FIRST_PAUSE, MAX_PAUSE = 1.0, 30.0  # seconds before another try, doubled each time

T = TypeVar("T")

log = logging.getLogger("cofactor.serving")


def try_until_started(start: Callable[[], T], run: RunFolder, pause: float = FIRST_PAUSE) -> T:
    """The result of `start`, which opens and warms up the models.

    If it fails before the service has started, the reason is noted, and the process exits. Afterwards the other workers
    serve the models that they have loaded: this one tries again, because an exit would end the service.
    """
    while True:
        try:
            return start()
        except CofactorError as error:
            reason, hint = error.message, error.hint
        except Exception as error:  # any failure of a model during its warm-up
            log.exception("a model failed its warm-up")
            reason, hint = f"a model cannot be served: {type(error).__name__}: {error}", "the log has the details"
        if not run.started:
            run.fail(reason, hint)
            sys.exit(1)
        log.error("a worker cannot start: %s; it tries again in %g s", reason, pause)
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE)
