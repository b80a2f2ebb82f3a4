"""The log: one JSON object a line on stderr, for requests and other events.

A line has the template of a route and the name of an API key: never a path, which contains user ids, and never a key.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import orjson

from cofactor.serving.http.boundary import Answered

STDERR = 2
FAULT = 500  # statuses from here on are server errors

log = logging.getLogger("cofactor.serving")


def write(event: dict[str, Any]) -> None:
    """Writes one line in a single system call, so that lines of several processes are not mixed."""
    os.write(STDERR, orjson.dumps(event, default=str, option=orjson.OPT_APPEND_NEWLINE))


class EventLogHandler(logging.Handler):
    """Events other than requests; as plain text on a terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        message, trouble = record.getMessage(), self._trouble(record)
        if sys.stderr.isatty():
            os.write(STDERR, f"{record.levelname.lower()}: {message}\n{trouble}".encode(errors="replace"))
        else:
            event = {**_head(record.levelname), "event": message, "process": record.process}
            write({**event, "trouble": trouble} if trouble else event)

    def _trouble(self, record: logging.LogRecord) -> str:
        return logging.Formatter().formatException(record.exc_info) + "\n" if record.exc_info else ""


class RequestLog:
    """A line for each request, or only for server errors and refused requests."""

    def __init__(self, every: bool) -> None:
        self._every = every

    def answered(self, one: Answered) -> None:
        fault = one.status >= FAULT
        if not (self._every or fault or one.refused):
            return
        event = {
            **_head("ERROR" if fault and not one.refused else "WARNING" if one.refused else "INFO"),
            "event": "request",
            "request": one.request_id,
            "method": one.method,
            "route": one.route,
            "status": one.status,
            "ms": round(1e3 * one.seconds, 3),
            "key": one.key,
            "model": one.version,
        }
        write({**event, "refused": one.refused} if one.refused else event)


@contextmanager
def to_stderr() -> Iterator[None]:
    """Within the context, the logs of cofactor and the errors of the server go to stderr.

    The handler is removed at the end, because it would outlive its modules, about which some libraries complain.
    """
    handler = EventLogHandler()
    loggers = {logging.getLogger("cofactor"): logging.INFO, logging.getLogger("uvicorn"): logging.ERROR}
    before = {one: (one.level, one.propagate) for one in loggers}
    for one, level in loggers.items():
        one.addHandler(handler)
        one.setLevel(level)
        one.propagate = False
    try:
        yield
    finally:
        for one, (one.level, one.propagate) in before.items():
            one.removeHandler(handler)


def _head(level: str) -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": now, "level": level.lower()}
