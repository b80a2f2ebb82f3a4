"""Signals to stop the service, for every HTTP server: clients are told first, and the server stops then."""

import os
import signal
import threading

from cofactor.serving.processes.run_folder import LAST_CALL, RunFolder

STOP_WITHIN = 12  # seconds for requests in progress; then workers are killed


class StopSignals:
    """Decides which signal stops the server.

    The first SIGTERM announces the stop: /ready fails, and responses ask clients to close their connections. It is sent
    again after `drain` seconds. A second signal, or Ctrl-C, stops at once.
    """

    def __init__(self, run: RunFolder, drain: float) -> None:
        self._run, self._seconds = run, max(drain, LAST_CALL)

    def is_final(self, number: int) -> bool:
        """Whether the server is to stop now; called for each signal to stop."""
        final = self._run.stopping or number == signal.SIGINT
        self._run.begin_stop()
        if not final:
            timer = threading.Timer(self._seconds, os.kill, (os.getpid(), number))
            timer.daemon = True
            timer.start()
        return final
