"""Several processes serve one address: each does its share, none is missed for long, and all end with the first."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from cofactor.cli.serve import serve
from cofactor.errors import Unavailable
from cofactor.saved.model_folder import save
from cofactor.serving.processes.limits import MIN_CONNECTIONS, OTHER_FILES
from cofactor.serving.processes.server import ServiceNotStarted
from cofactor.serving.processes.worker import UPDATE
from tests.service_process import COMMAND, Load, Running, running, until
from tests.small_service import model

PATH = "/users/40/recommendations?n=5"
FIRST_LIST = "cofactor_lists_total"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "m"
    save(model(), folder, trainer="by hand")
    return folder


def fine(path, status, answer):
    return "" if status == 200 and answer["recommendations"] else f"{path}: {status} {answer}"


def figures(served):
    """The samples of /metrics: the sum by name, and each by name and labels."""
    families = text_string_to_metric_families(served.ask("/metrics")[1].decode())
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, *sorted(one.labels.values())): one.value for one in samples}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in Linux' /proc")
def test_workers_are_counted_together_and_replaced_where_one_dies(folder):
    with running(folder, "--workers", 2) as served:
        until(lambda: len(served.workers()) == 2)
        with Load(served, [PATH], fine).by(4) as load:
            until(lambda: load.answered > 200)
        assert load.wrong == []
        key = "cofactor_requests_total", "/users/{user}/recommendations", "200", "GET"
        counted = (key[0], *sorted(key[1:]))
        until(lambda: figures(served)[counted] == load.answered)
        assert figures(served)[FIRST_LIST, "trained"] == load.answered
        _one_dies(served, counted)
        assert served.stop() == 0


def _one_dies(served, counted):
    before, old = figures(served)[counted], served.workers()
    killed = min(old)
    os.kill(killed, signal.SIGKILL)
    with Load(served, [PATH], lambda *_: "").by(2) as load:  # the other one answers
        until(lambda: load.answered > 20)
    until(lambda: len(served.workers() - old) == 1)
    assert killed not in served.workers()
    until(lambda: figures(served)[counted] >= before + load.answered - 3)  # counts never fall


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_to_stop_under_load_loses_no_request(folder, workers, server):
    with running(folder, "--workers", workers, "--server", server) as served:
        with Load(served, [PATH], fine).by(6) as load:
            until(lambda: load.answered > 50)
            assert served.stop() == 0
        assert load.wrong == []


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_while_it_drains_it_is_not_ready_and_answers_on(folder, server):
    with running(folder, "--drain", 2, "--server", server) as served:
        served.process.send_signal(signal.SIGTERM)
        until(lambda: served.ask("/ready")[0] == 503, 1.5)
        assert served.ask(PATH)[0] == 200
        assert served.ask("/live")[0] == 200
        assert served.process.wait(10) == 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in Linux' /proc")
@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_hang_up_reloads_every_worker_and_none_outlives_its_parent(folder, server, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    save(model(), folder, trainer="older")
    with running(folder, "--workers", 2, "--watch", 0, "--server", server) as served:
        until(lambda: len(served.workers()) == 2)
        workers = served.workers()
        before = served.ask("/model")[1]["model"]
        save(model(mean=3.25), folder, trainer="newer")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len([one for one in served.events() if "was replaced" in one["event"]]) == 2)
        connections = [served.connect() for _ in range(6)]
        assert before not in {served.ask("/model", by=one)[1]["model"] for one in connections}
        assert served.workers() == workers, "SIGHUP starts no process again"
        served.process.kill()
        until(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))
        assert list(tmp_path.iterdir()) == []


def test_what_stops_a_worker_from_starting_is_one_line(tmp_path):
    error = CliRunner().invoke(serve, [str(tmp_path), "--workers", "2", "--port", "0"]).exception
    assert isinstance(error, ServiceNotStarted)
    assert "is not a saved model" in error.message


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in Linux' /proc")
def test_a_worker_that_dies_twice_within_seconds_does_not_end_the_service(folder):
    with running(folder, "--workers", 2) as served:
        old = served.workers()
        os.kill(max(old), signal.SIGKILL)
        until(lambda: served.workers() - old)
        os.kill((served.workers() - old).pop(), signal.SIGKILL)
        until(lambda: any("all workers are started again" in one["event"] for one in served.events()))
        until(lambda: len(served.workers()) == 2, 30)
        until(lambda: _answers(served), 30)
        assert served.ask(PATH)[0] == 200
        assert any("has ended; another one takes its place" in one["event"] for one in served.events())
        assert served.stop() == 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in Linux' /proc")
def test_a_worker_that_hangs_is_not_waited_for_and_is_replaced(folder, monkeypatch):
    with running(folder, "--workers", 2, "--admin-keys", _key_file(folder)) as served:
        until(lambda: len(served.workers()) == 2)
        hung = min(served.workers())
        os.kill(hung, signal.SIGSTOP)
        until(lambda: hung not in served.workers(), 40)
        until(lambda: len(served.workers()) == 2)
        assert served.ask(PATH)[0] == 200
        start = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - start < 10


def _key_file(folder):
    file = folder.parent / "admin"
    file.write_text("boss: a-key-of-the-operator\n")
    file.chmod(0o600)
    return file


def test_a_requested_reload_is_answered_once_every_worker_serves_the_new_model(folder):
    key = {"x-api-key": "a-key-of-the-operator"}
    with running(folder, "--workers", 2, "--watch", 0, "--admin-keys", _key_file(folder)) as served:
        save(model(mean=3.5), folder, trainer="newest")
        status, answer = served.ask("/admin/reload", "POST", key)
        assert (status, answer["changed"]) == (200, True)
        seen = {served.ask("/model")[1]["model"] for _ in range(20)}
        assert seen == {answer["model"]}


def test_open_connections_are_among_the_figures(folder):
    with running(folder) as served, ExitStack() as idle:
        assert sum(value for (name, *_), value in figures(served).items() if name == "cofactor_connections") < 5
        for _ in range(5):
            idle.enter_context(socket.create_connection(("127.0.0.1", served.connect().port)))
        until(
            lambda: sum(value for (name, *_), value in figures(served).items() if name == "cofactor_connections") >= 5
        )


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_a_client_that_uses_up_the_connections_ends_no_worker(folder, server):
    few_files = ("sh", "-c", f'ulimit -n {OTHER_FILES + MIN_CONNECTIONS}; exec "$@"', "sh")
    with running(folder, "--server", server, prefix=few_files) as served, ExitStack() as idle:
        process = served.workers() or served.process.pid
        for _ in range(MIN_CONNECTIONS + 10):
            idle.enter_context(socket.create_connection(("127.0.0.1", served.connect().port)))
        until(lambda: _answers(served), 40)
        time.sleep(2 * UPDATE)
        assert (served.workers() or served.process.pid) == process
        assert [line for line in served.said if re.search("no sign of life|is gone|Traceback", line)] == []
        assert served.stop() == 0


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
def test_both_servers_answer_alike(folder, server):
    with running(folder, "--server", server) as served:
        assert served.ask(PATH)[0] == 200
        assert served.ask("/nowhere")[1]["title"] == "Not Found"
        assert served.stop() == 0


def test_a_port_on_which_another_service_listens_is_refused(folder):
    with running(folder) as served:
        port = served.url.rpartition(":")[2]
        error = CliRunner().invoke(serve, [str(folder), "--port", port]).exception
        assert isinstance(error, Unavailable)
        assert f"port {port}" in error.message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is Linux' own")
@pytest.mark.parametrize("log", ["a full disk", "a pipe that nobody reads"])
def test_a_log_that_cannot_be_written_stops_nothing(folder, log):
    reading, writing = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Path("/dev/full").open("wb") as full:
        command = [*COMMAND, str(folder), "--port", str(port), "--log", "all"]
        process = subprocess.Popen(command, stderr=full if log == "a full disk" else writing)
    try:
        served = Running(process, f"http://127.0.0.1:{port}")
        until(lambda: _answers(served), 60)
        connection = served.connect()
        for _ in range(600):  # 100 KB, more than a pipe holds
            connection.request("GET", "/genres", headers={"host": "evil.example"})
            assert connection.getresponse().read()
        connection.close()
        assert served.ask("/live")[0] == 200
        assert served.stop() == 0
    finally:
        process.kill()
        process.wait()
        os.close(reading)
        os.close(writing)


def _answers(served):
    try:
        return served.ask("/live")[0] == 200
    except OSError:
        return False


INHERITED = """
import os, sys
os.dup2(int(sys.argv.pop(1)), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
from cofactor.cli.serve import serve
serve()
"""


@contextmanager
def started_by_a_manager(listening, folder):
    """A service with a socket that its parent goes on listening on, as with systemd."""
    command = [sys.executable, "-c", INHERITED, str(listening.fileno()), str(folder)]
    process = subprocess.Popen(command, pass_fds=[listening.fileno()], stderr=subprocess.DEVNULL)
    try:
        yield Running(process, f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        process.kill()
        process.wait()


def test_a_restart_with_a_socket_of_a_service_manager_loses_no_request(folder):
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        with started_by_a_manager(listening, folder) as first:
            assert first.ask(PATH)[0] == 200
            with Load(first, [PATH], fine).by(6) as load:
                until(lambda: load.answered > 50)
                assert first.stop() == 0
                before = load.answered
                with started_by_a_manager(listening, folder) as second:
                    until(lambda: load.answered > before + 50, 30)
                    assert second.ask("/ready")[0] == 200
                    load.end()
        assert load.wrong == []
