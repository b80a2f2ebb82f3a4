"""A service as a process of its own, as `cofactor serve` runs it, and clients that ask it again and again."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

COMMAND = [sys.executable, "-c", "from cofactor.cli.serve import serve; serve()"]


@dataclass
class Running:
    """A server process, and what it has said so far."""

    process: subprocess.Popen[str]
    url: str = ""
    said: list[str] = field(default_factory=list)

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: Any = None,
        by: HTTPConnection | None = None,
    ) -> Any:
        """Status and JSON (or bytes) of one answer; closes the connection."""
        connection = by or self.connect()
        try:
            said = None if body is None else json.dumps(body)
            connection.request(method, path, said, {"content-type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if "json" in answer.headers["content-type"] else text
        finally:
            connection.close()

    def connect(self) -> HTTPConnection:
        return HTTPConnection(urlsplit(self.url).netloc, timeout=20)

    def workers(self) -> set[int]:
        """The ids of the processes that this one started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(one) for one in children if "multiprocessing.spawn" in _command(int(one))}

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def events(self) -> list[dict[str, Any]]:
        """What was logged."""
        return [json.loads(line) for line in self.said if line.startswith("{")]


@contextmanager
def running(*arguments: object, prefix: Sequence[str] = ()) -> Iterator[Running]:
    """`cofactor serve` on any free port, listening; prefix: a program that starts it."""
    command = [*prefix, *COMMAND, *map(str, arguments), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    served = Running(process)
    reader = threading.Thread(target=lambda: served.said.extend(process.stderr), daemon=True)  # type: ignore[arg-type]
    try:
        line = process.stderr.readline()
        assert line.startswith("serving "), line + process.stderr.read()
        served.url = line.split(" on ")[-1].split()[0]
        reader.start()
        yield served
    finally:
        process.kill()
        process.wait()
        if reader.ident:
            reader.join(20)
        process.stderr.close()


def until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    """Waits for something that is to come true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it has not come true"
        time.sleep(0.02)


@dataclass
class Load:
    """Clients in a closed loop, each over a connection that is kept until the server ends it."""

    served: Running
    paths: list[str]
    checked: Callable[[str, int, Any], str]  # what is wrong with the status and the answer for a path, if anything
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextmanager
    def by(self, clients: int) -> Iterator["Load"]:
        threads = [threading.Thread(target=self._client, args=(one,), daemon=True) for one in range(clients)]
        for thread in threads:
            thread.start()
        self._threads = threads
        try:
            yield self
        finally:
            self.end()

    def end(self) -> None:
        """Waits for the last answers."""
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _client(self, number: int) -> None:
        connection, asked = self.served.connect(), number
        while not self._ended.is_set():
            path = self.paths[asked % len(self.paths)]
            asked += 1
            try:
                if connection.sock is None:
                    connection.connect()
            except OSError:  # nobody is there any more: no request is lost by that
                return
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                wrong = self.checked(path, answer.status, json.loads(answer.read()))
            except (OSError, HTTPException, ValueError) as error:
                wrong = f"{path}: {type(error).__name__}: {error}"
                connection.close()
            self.answered += 1
            if wrong:
                self.wrong.append(wrong)
        connection.close()


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
