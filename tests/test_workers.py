"""Several processes serve one address: each does its share, none is missed for long, and all end with the first."""

import gc
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from cofactor.serving.processes.memory import settled
from cofactor.serving.processes.rounds import Rounds
from cofactor.serving.telemetry.shared_text import SIZE, SharedText
from prometheus_client.parser import text_string_to_metric_families

from cofactor.saved.model_folder import save
from cofactor.serving.model_registry import SWAPPED, UNCHANGED, ModelRegistry
from cofactor.serving.processes.worker import Worker, receive
from cofactor.serving.server_config import ServerConfig
from tests.service_process import Load, running, until
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
def test_workers_share_the_load_are_counted_together_and_replaced_where_one_dies(folder):
    with running(folder, "--workers", 2) as served:
        until(lambda: len(served.workers()) == 2)
        connections = [served.connect() for _ in range(16)]
        try:
            for one in connections:
                one.request("GET", "/live")
                one.getresponse().read()
            until(lambda: sum(figures(served)["cofactor_connections", place] for place in "01") >= 16)
            shares = [figures(served)["cofactor_connections", place] for place in "01"]
            assert min(shares) >= 2, shares  # on busy cores one process wakes later than the other
        finally:
            for one in connections:
                one.close()
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
    until(lambda: any("another starts" in one["event"] for one in served.events()))
    until(lambda: figures(served)[counted] >= before + load.answered - 3)  # counts never fall


@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_to_stop_under_load_loses_no_request(folder, workers):
    with running(folder, "--workers", workers) as served:
        with Load(served, [PATH], fine).by(6) as load:
            until(lambda: load.answered > 50)
            assert served.stop() == 0
        assert load.wrong == []


def test_while_it_drains_it_is_not_ready_and_answers_on(folder):
    with running(folder, "--drain", 2) as served:
        served.process.send_signal(signal.SIGTERM)
        until(lambda: served.ask("/ready")[0] == 503, 1.5)
        assert served.ask(PATH)[0] == 200
        assert served.ask("/live")[0] == 200
        assert served.process.wait(10) == 0


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in Linux' /proc")
def test_a_hang_up_reloads_every_worker_and_none_outlives_its_parent(folder):
    with running(folder, "--workers", 2, "--watch", 0) as served:
        before = served.ask("/model")[1]["model"]
        save(model(mean=3.25), folder, trainer="newer")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: len([one for one in served.events() if "was replaced" in one["event"]]) == 2)
        connections = [served.connect() for _ in range(6)]
        assert before not in {served.ask("/model", by=one)[1]["model"] for one in connections}
        workers = served.workers()
        assert len(workers) == 2
        served.process.kill()
        until(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))


def test_what_stops_a_worker_from_starting_is_one_line(tmp_path):
    from click.testing import CliRunner
    from cofactor.serving.processes.workers import NotStarted

    from cofactor.cli.serve import serve

    error = CliRunner().invoke(serve, [str(tmp_path), "--workers", "2", "--port", "0"]).exception
    assert isinstance(error, NotStarted)
    assert "is not a saved model" in error.message


# What they are made of -----------------------------------------------------------------------------------------------


class Pipe:
    """One end of a pipe that keeps what is sent."""

    def __init__(self, dead: bool = False) -> None:
        self.sent: list[bytes] = []
        self.dead = dead

    def send_bytes(self, text: bytes) -> None:
        if self.dead:
            raise BrokenPipeError
        self.sent.append(text)

    def recv_bytes(self) -> bytes:
        return self.sent.pop(0)


def worker(place, dead=False):
    return Worker(place, None, Pipe(dead), 0.0, ready=True)


def told(one):
    return [receive(one.pipe) for _ in range(len(one.pipe.sent))]


def test_a_reload_goes_from_worker_to_worker_and_its_end_to_who_asked():
    rounds, asker, first, second = Rounds(), worker(0), worker(1), worker(2)
    rounds.begin("svd", [first, second], asker)
    assert (told(first), told(second), told(asker)) == ([{"reload": "svd"}], [], [])
    rounds.answered(second, "")  # it was not asked
    assert told(second) == []
    rounds.answered(first, "")
    assert (told(second), told(asker)) == ([{"reload": "svd"}], [])
    rounds.answered(second, "")
    assert told(asker) == [{"told": []}]


def test_what_one_worker_refuses_is_not_put_to_the_next_and_the_next_round_begins():
    rounds, asker, first, second = Rounds(), worker(0), worker(1), worker(2)
    rounds.begin("svd", [first, second], asker)
    rounds.begin("als", [second])
    rounds.answered(first, "damaged")
    assert told(asker) == [{"told": ["damaged"]}]
    assert told(second) == [{"reload": "als"}]


def test_the_dead_hold_nobody_up():
    rounds, asker, first, dead = Rounds(), worker(0), worker(1), worker(2, dead=True)
    rounds.begin("svd", [dead, first, dead], asker)
    assert told(first) == [{"reload": "svd"}]
    rounds.lost(first)
    assert told(asker) == [{"told": []}]
    rounds.begin("svd", [], asker)
    assert told(asker) == [{"told": []}]


def test_a_slot_is_read_whole_or_as_it_was_before():
    slots = SharedText(2)
    assert slots.read(0) == b""
    texts = [bytes([letter]) * (1000 + 50 * letter) for letter in range(65, 91)]
    ended, wrong = threading.Event(), Counter()

    def read() -> None:
        while not ended.is_set():
            wrong[slots.read(0) not in (b"", *texts)] += 1

    reader = threading.Thread(target=read)
    reader.start()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        for text in texts:
            assert slots.write(0, text)
    ended.set()
    reader.join()
    assert wrong[False] > 10
    assert wrong[True] == 0
    assert slots.read(1) == b""
    assert not slots.write(1, b"x" * SIZE)
    slots._memory[slots._turns[0] * SIZE + 20] = b"?"  # killed while it wrote
    assert slots.read(0) == texts[-2]


def test_what_lives_when_serving_begins_and_after_each_swap_is_left_out_of_collections(folder):
    service = ModelRegistry.open(ServerConfig(models=(("m", folder),)))
    heard: list[tuple[str, str]] = []
    early: list[object] = [[]]
    service.on_reload(lambda *what: heard.append(what))
    assert looked_at(early)
    with settled(service):
        assert not looked_at(early)
        late: list[object] = [[]]
        service.report_reload("m", UNCHANGED)
        assert looked_at(late)
        service.report_reload("m", SWAPPED)
        assert not looked_at(late)
    assert looked_at(early)
    assert looked_at(late)
    assert heard == [("m", UNCHANGED), ("m", SWAPPED)]


def looked_at(one):
    """Whether a collection of cycles would look at an object."""
    return any(other is one for other in gc.get_objects())
