"""The log of a server process: one JSON object per line on stderr.

A line has the template of a route and the name of an API key: no path, because paths contain user ids, and no key.

A thread of its own writes the lines. If stderr blocks (a pipe that nobody reads) or fails (a full disk), lines are
dropped and counted; requests are answered as before.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Empty, Full, Queue
from typing import Any

import orjson

from cofactor.serving.telemetry.answered_request import AnsweredRequest

STDERR = 2
SERVER_ERROR = 500
MAX_LINES = 10_000  # that wait to be written
MAX_WAIT = 1.0  # seconds at the end of a process for the lines that are left


class LineWriter:
    """Writes lines to a file descriptor in a thread, and never blocks or fails its caller."""

    def __init__(self, descriptor: int = STDERR, max_lines: int = MAX_LINES) -> None:
        self.lost = 0
        self._descriptor = descriptor
        self._lines: Queue[bytes] = Queue(max_lines)
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def write(self, line: bytes) -> None:
        """Puts a line into the queue; drops it if the queue is full."""
        self._idle.clear()
        try:
            self._lines.put_nowait(line)
        except Full:
            self.lost += 1

    def flush(self, seconds: float = MAX_WAIT) -> None:
        """Waits until the lines are written, at most for some seconds."""
        self._idle.wait(seconds)

    def _run(self) -> None:
        while True:
            try:
                line = self._lines.get_nowait()
            except Empty:
                self._idle.set()
                line = self._lines.get()
            try:
                os.write(self._descriptor, line)  # one system call, so that lines of several processes are not mixed
            except OSError:
                self.lost += 1


class EventLogHandler(logging.Handler):
    """Events other than requests; as plain text on a terminal."""

    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        """Writes an event."""
        message, error = record.getMessage(), self._error(record)
        if os.isatty(STDERR):
            text = f"{record.levelname.lower()}: {message}\n{error}"
            self._writer.write(text.encode(errors="backslashreplace"))
        else:
            event = {**_head(record.levelname), "event": message, "process": record.process}
            self._writer.write(_line({**event, "trouble": error} if error else event))

    def _error(self, record: logging.LogRecord) -> str:
        return logging.Formatter().formatException(record.exc_info) + "\n" if record.exc_info else ""


class RequestLog:
    """A line for each request, or only for server errors and refused requests."""

    def __init__(self, writer: LineWriter, every: bool) -> None:
        self._writer, self._every = writer, every

    def answered(self, one: AnsweredRequest) -> None:
        """Writes a request."""
        failed = one.status >= SERVER_ERROR
        if not (self._every or failed or one.refused):
            return
        event = {
            **_head("ERROR" if failed and not one.refused else "WARNING" if one.refused else "INFO"),
            "event": "request",
            "request": one.request_id,
            "method": one.method,
            "route": one.route,
            "status": one.status,
            "ms": round(1e3 * one.seconds, 3),
            "key": one.key,
            "model": one.version,
        }
        self._writer.write(_line({**event, "refused": one.refused} if one.refused else event))


@contextmanager
def logging_to(writer: LineWriter) -> Iterator[None]:
    """Within the context, the logs of cofactor and the errors of the server are written as lines."""
    handler = EventLogHandler(writer)
    levels = {"cofactor": logging.INFO, "uvicorn": logging.ERROR, "_granian": logging.ERROR}
    loggers = {logging.getLogger(name): level for name, level in levels.items()}
    before = {logger: (logger.level, logger.propagate) for logger in loggers}
    for logger, level in loggers.items():
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (logger.level, logger.propagate) in before.items():
            logger.removeHandler(handler)
        writer.flush()


def _line(event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _head(level: str) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": now, "level": level.lower()}
