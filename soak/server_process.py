"""Start `cofactor serve` in a process of its own, as a user does, and measure its memory."""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-c", "from cofactor.cli import main; main()", "serve"]
LIMIT = 30  # seconds for any response
ADMIN_KEY = "soak-admin-key-of-forty-characters-00000"


@dataclass
class ServerProcess:
    """A running server; `log` is the file with its output."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def kill(self) -> None:
        """Sends SIGKILL to all processes of the server at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def resident_bytes(self) -> int:
        """Resident bytes of all processes of the server; shared pages count once for each process."""
        return sum(_resident(one) for one in _process_tree(self.process.pid))

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of the response to one request, sent on a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            sent = None if body is None else json.dumps(body).encode()
            more = {"Content-Type": "application/json"} if sent is not None else {}
            connection.request(method, path, sent, more | headers)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def reload(self) -> tuple[int, dict[str, str], Any]:
        return self.ask("/admin/reload", "POST", Authorization=f"Bearer {ADMIN_KEY}")

    def tracebacks(self) -> int:
        """Number of tracebacks in the log."""
        return self.log.read_bytes().count(b"Traceback (most recent call last)")


@contextmanager
def start_server(*arguments: object) -> Iterator[ServerProcess]:
    """Starts `cofactor serve` with these arguments on a free port, and stops it, also if this process gets SIGTERM."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        log, keys = Path(folder) / "log", Path(folder) / "admin-keys"
        keys.write_text(f"soak: {ADMIN_KEY}\n")
        keys.chmod(0o600)
        command = [*COMMAND, *map(str, arguments), "--port", "0", "--admin-keys", str(keys)]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        with log.open("wb") as file:
            process = subprocess.Popen(command, stderr=file, stdout=file, env=environment, start_new_session=True)
        one = ServerProcess(process, 0, log)
        try:
            one.port = _port(one)
            yield one
        finally:
            if one.alive:
                one.kill()


def _port(one: ServerProcess) -> int:
    """Waits until the log names the port."""
    with one.log.open("rb") as log:
        while one.alive:
            for line in log:
                if line.startswith(b"serving "):
                    return int(line.split(b" on http://")[1].split(b" ")[0].rpartition(b":")[2])
            _wait(one.process)
    raise RuntimeError(f"the server did not start: {one.log.read_text()}")


def _wait(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.01)


def _process_tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, known = [pid], []
    while found:
        one = found.pop()
        known.append(one)
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return known


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0
