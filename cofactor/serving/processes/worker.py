"""One of several processes that serve, and the pipe to the one that started it."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import orjson

from cofactor.errors import CofactorError, Unavailable
from cofactor.serving.http.rate import Times
from cofactor.serving.server_config import ServerConfig
from cofactor.serving.telemetry import logs
from cofactor.serving.telemetry.shared_text import SharedText

FOLLOW_WITHIN = 60  # seconds in which the other workers are to have swapped, too

log = logging.getLogger("cofactor.serving")

Message = dict[str, Any]


@dataclass(eq=False)
class Worker:
    """What its parent knows of one."""

    place: int
    process: BaseProcess
    pipe: Connection
    since: float  # on the monotonic clock
    ready: bool = False
    silent: bool = False  # its end of the pipe is closed


def send(pipe: Connection, message: Message) -> None:
    """Messages are JSON: nothing that comes out of a pipe is run."""
    pipe.send_bytes(orjson.dumps(message))


def receive(pipe: Connection) -> Message:
    """The next message; raises EOFError where the other end is gone."""
    message: Message = orjson.loads(pipe.recv_bytes())
    return message


def work(
    settings: ServerConfig,
    listening: Sequence[socket.socket],
    pipe: Connection,
    place: int,
    counts: MutableSequence[int],
    slots: SharedText,
    times: Times,
) -> None:
    """The whole life of a worker. Ctrl-C reaches it as well, but only its parent says when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with logs.to_stderr():
        try:
            from cofactor.serving.processes.process import Process

            process = Process(settings, slots, place, times)
            line = Line(pipe, process.service.reload_here)
            process.service.on_requested_reload(line.tell_others)
            process.serve(listening, line.ready, line.heard, (counts, place))
        except CofactorError as error:
            send(pipe, {"failed": error.message, "hint": error.hint})
        except Exception:
            log.exception("a worker failed")
            sys.exit(1)


class Line:
    """A worker's end of the pipe: reloads when it is told to, tells others, and notices when nobody is there."""

    def __init__(self, pipe: Connection, reload: Callable[[str], Any]) -> None:
        self._pipe, self._reload = pipe, reload
        self._asking = threading.Lock()  # one question at a time, so that an answer belongs to it
        self._sending = threading.Lock()
        self._answered = threading.Event()
        self._answer: list[str] = []

    def ready(self, versions: dict[str, str]) -> None:
        self._send({"ready": versions})

    @contextmanager
    def heard(self, _: object) -> Iterator[None]:
        """Within it the parent is listened to; a pipe that ends is a parent that died: then this process stops."""
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self._listen, args=(theirs,), name="parent", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ours.close()
            thread.join()
            theirs.close()

    def tell_others(self, name: str) -> None:
        """Returns when every other worker has swapped; raises Unavailable where one did not, or not in time."""
        with self._asking:
            self._answered.clear()
            self._send({"tell": name})
            if not self._answered.wait(FOLLOW_WITHIN):
                hint = "they follow as soon as they can; the log says when"
                raise Unavailable(f"not every process has swapped the model {name!r} yet", hint)
            if self._answer:
                what = f"{len(self._answer)} other processes serve the model {name!r} as it was: {self._answer[0]}"
                raise Unavailable(what, "reload again")

    def _listen(self, end: socket.socket) -> None:
        try:
            while end not in wait([self._pipe, end]):
                message = receive(self._pipe)
                if "told" in message:
                    self._answer = message["told"]
                    self._answered.set()
                else:
                    self._send({"reloaded": message["reload"], "why": self._reloaded(message["reload"])})
        except (EOFError, OSError):
            log.warning("the process that started this worker is gone: it stops as well")
            os.kill(os.getpid(), signal.SIGTERM)

    def _reloaded(self, name: str) -> str:
        try:
            self._reload(name)
        except CofactorError as error:
            return error.message
        return ""

    def _send(self, message: Message) -> None:
        with self._sending:
            send(self._pipe, message)
