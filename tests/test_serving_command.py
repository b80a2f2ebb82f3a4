"""`serve` as a process: it starts, says where, answers, and stops when asked to."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from cofactor.cli.serve import serve
from cofactor.errors import CofactorError, Unavailable
from cofactor.saved.model_folder import save
from cofactor.serving.listening_socket import check_system
from tests.small_service import TITLES, model

LEAN = """
import sys
from cofactor.cli.serve import serve
from cofactor.serving.api.application import create_app
from cofactor.serving.loaded_model import LoadedModel
heavy = {"numba", "torch", "pandas", "polars", "pyarrow", "sklearn", "cofactor.trainers", "cofactor.kernels"}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "by hand"
    save(model(), folder, trainer="by hand")
    return folder


@contextmanager
def serving(saved: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process and its address."""
    command = [sys.executable, "-c", "from cofactor.cli.serve import serve; serve()", str(saved), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith(f"serving {saved} (version "), line + process.stderr.read()
        assert line.count("http://") == 1
        yield process, line.split(" on ")[1].split()[0]
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_answers_and_stops(saved, number):
    with serving(saved) as (process, url):
        with urlopen(f"{url}/ready", timeout=10) as ready:
            assert json.load(ready)["status"] == "ready"
        with urlopen(f"{url}/users/a%2Fb/recommendations?n=2", timeout=10) as answer:
            assert answer.headers["x-model-version"] == json.load(answer)["model"]
        with urlopen(f"{url}/reco?UsrID=40&n_recos=5", timeout=10) as answer:
            assert json.load(answer)["labels"][0] == TITLES["1"]
        with pytest.raises(HTTPError) as refused:
            urlopen(f"{url}/users/nobody%20here/recommendations", timeout=10)
        assert json.load(refused.value)["detail"] == "unknown user 'nobody here'"
        process.send_signal(number)
        assert process.wait(10) == 0
        out, err = process.communicate()
        assert (out, err) == ("", "")


def test_a_request_that_is_under_way_is_answered_before_it_stops(saved):
    with serving(saved) as (process, url):
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps({"ratings": [{"item": "50", "rating": 5}]})
        head = f"POST /recommendations HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body[:10]}".encode())
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            client.sendall(body[10:].encode())
            assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        assert process.wait(10) == 0


def test_serving_brings_in_no_trainer_and_no_compiler():
    done = subprocess.run([sys.executable, "-c", LEAN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def refused(*arguments: str) -> CofactorError:
    error = CliRunner().invoke(serve, arguments).exception
    assert isinstance(error, CofactorError), error
    assert error.hint
    return error


def test_a_port_in_use_is_one_line_with_a_way_out(saved):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refused(str(saved), "--port", str(port))
    assert isinstance(error, Unavailable)
    assert f"port {port}" in error.message
    assert "--port" in error.hint


def test_a_system_without_a_server_is_named():
    check_system("posix")
    with pytest.raises(CofactorError, match="Linux and macOS") as refused_system:
        check_system("nt")
    assert "WSL" in refused_system.value.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_an_address_that_others_can_reach_is_refused(saved, host):
    assert "127.0.0.1" in refused(str(saved), "--host", host, "--port", "0").hint


def test_what_is_not_a_model_or_not_a_host_is_refused(saved, tmp_path):
    assert "is not a saved model" in refused(str(tmp_path), "--port", "0").message
    assert "no.such.host.invalid" in refused(str(saved), "--host", "no.such.host.invalid").message
