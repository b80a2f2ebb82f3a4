"""What operators see is what happened, and a line of the log holds nothing that is nobody's business."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cofactor.errors import Unavailable
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent
from cofactor.serving.api.application import create_app
from cofactor.serving.model_registry import REFUSED, SWAPPED, ModelRegistry
from cofactor.serving.telemetry import logs
from cofactor.serving.telemetry.answered_request import AnsweredRequest
from cofactor.serving.telemetry.instrumented_store import InstrumentedStore
from cofactor.serving.telemetry.metrics import Metrics
from tests.small_service import ask, bundle

WORKER = ("worker", str(os.getpid()))
ROUTE = "/users/{user}/recommendations"


def answered(status=200, seconds=0.003, route=ROUTE, **more):
    return AnsweredRequest("GET", route, status, seconds, "abc-1", "shop", "0123456789ab", **more)


@pytest.fixture
def service():
    service = ModelRegistry(bundle(created="2026-01-01T00:00:00+00:00"))
    yield service
    service.close()


def samples(metrics):
    families = list(text_string_to_metric_families(metrics.page().decode()))
    assert all(family.documentation for family in families)
    return {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}


def test_requests_are_counted_by_route_and_status_and_timed_by_route(service):
    metrics = Metrics(service)
    for one in (answered(), answered(seconds=0.0004), answered(404, 7.0), answered(429, refused="rate")):
        metrics.answered(one)
    told, route = samples(metrics), ("route", ROUTE)
    assert told["cofactor_requests_total", ("method", "GET"), route, ("status", "200")] == 2
    assert told["cofactor_requests_total", ("method", "GET"), route, ("status", "404")] == 1
    assert told["cofactor_refused_total", ("reason", "rate")] == 1
    bucket = "cofactor_request_seconds_bucket"
    assert told[bucket, ("le", "0.0005"), ("method", "GET"), route] == 1
    assert told[bucket, ("le", "0.005"), ("method", "GET"), route] == 3
    assert told[bucket, ("le", "5.0"), ("method", "GET"), route] == 3
    assert told[bucket, ("le", "+Inf"), ("method", "GET"), route] == 4
    assert told["cofactor_request_seconds_sum", ("method", "GET"), route] == pytest.approx(7.0064)


def test_models_and_reloads_are_told(service):
    metrics = Metrics(service)
    service.observe(metrics)
    service.warm_up()
    for result in (SWAPPED, REFUSED):
        service.report_reload("model", result)
    told = samples(metrics)
    info = ("model", "model"), ("trainer", "by hand"), ("version", service.service().version)
    assert told["cofactor_model_info", *info] == 1
    assert told["cofactor_model_age_seconds", info[0]] > 3600
    assert told["cofactor_candidate_refused", info[0], WORKER] == 1
    assert told["cofactor_reloads_total", info[0], ("result", "refused")] == 1
    assert told["cofactor_ready",] == 1
    service.report_reload("model", SWAPPED)
    assert samples(metrics)["cofactor_candidate_refused", info[0], WORKER] == 0


def test_lists_are_counted_by_their_source_and_the_warm_up_is_not(tmp_path):
    service = ModelRegistry(bundle(), open_store(str(tmp_path / "ratings.db")))
    metrics = Metrics(service)
    service.observe(metrics)
    service.warm_up()
    app = create_app(service, recorders=[metrics])
    service.service().store.append([RatingEvent("7", "50", 5.0, 1)])
    for user in ("40", "7"):
        assert ask(app, f"/users/{user}/recommendations").status_code == 200
    ask(app, "/recommendations", "POST", json={"ratings": [{"item": "50", "rating": 4.0}]})
    ask(app, "/batch/recommendations", "POST", json={"users": ["40", "nobody"], "n": 1})
    ask(app, "/users/nobody/recommendations?stranger=popular")
    found = samples(metrics)
    assert found["cofactor_lists_total", ("source", "trained")] == 2
    assert found["cofactor_lists_total", ("source", "folded-in")] == 2
    assert found["cofactor_lists_total", ("source", "popular")] == 1
    assert found["cofactor_store_words_total",] == 1
    assert found["cofactor_store_seconds_count", ("asked", "put")] == 1
    service.close()


def test_a_store_that_fails_is_counted_and_its_error_passed_on(tmp_path):
    store = open_store(str(tmp_path / "ratings.db"))
    told = []
    observed = InstrumentedStore(store, lambda *one: told.append(one))
    observed.append([RatingEvent("a", "x", 1.0, 1), RatingEvent("a", "y", None, 2)])
    assert [one.item for one in observed.events_of("a")] == ["y", "x"]
    assert (observed.count(), len(list(observed.all_events())), observed.fast_reads) == (2, 2, store.fast_reads)
    observed.close()
    for failing in (lambda: observed.append([RatingEvent("a", "x", 1.0, 3)]), lambda: observed.events_of("a")):
        with pytest.raises(Unavailable):
            failing()
    assert [(asked, words, failed) for asked, _, words, failed in told] == [
        ("put", 2, False), ("of", 0, False), ("put", 0, True), ("of", 0, True),
    ]  # fmt: skip


COUNTS = """
import sys
from cofactor.serving.telemetry.answered_request import AnsweredRequest
from cofactor.serving.telemetry.metrics import Metrics
from tests.small_service import service
metrics = Metrics(service())
for _ in range(int(sys.argv[1])):
    metrics.answered(AnsweredRequest("GET", "/genres", 200, 0.003, "abc-1", "shop", "0123456789ab"))
print(metrics.page().decode())
"""


def test_processes_are_added_up_and_the_counts_of_ended_ones_stay(tmp_path):
    (tmp_path / "metrics").mkdir()
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")}
    for times, together in ((3, 3), (4, 7)):
        run = subprocess.run(
            [sys.executable, "-c", COUNTS, str(times)], env=environment, capture_output=True, text=True, check=True
        )
        families = list(text_string_to_metric_families(run.stdout))
        found = {(one.name, *sorted(one.labels.items())): one.value for one in _samples(families)}
        key = ("method", "GET"), ("route", "/genres")
        assert found["cofactor_requests_total", *key, ("status", "200")] == together
        assert found["cofactor_request_seconds_bucket", ("le", "0.005"), *key] == together
        workers = {one.labels["worker"] for one in _samples(families) if one.name == "process_open_fds"}
        assert len(workers) == 1  # the gauges of a process end with it


def _samples(families):
    return [one for family in families for one in family.samples]


# The log -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "one", "level"),
    [
        (True, answered(), "info"),
        (True, answered(404), "info"),
        (False, answered(404), None),
        (False, answered(500), "error"),
        (False, answered(429, refused="rate"), "warning"),
        (False, answered(503, refused="full"), "warning"),
    ],
)
def test_a_line_says_what_happened(capfd, every, one, level):
    writer = logs.LineWriter()
    logs.RequestLog(writer, every).answered(one)
    writer.flush()
    lines = capfd.readouterr().err.splitlines()
    if level is None:
        assert lines == []
        return
    event = json.loads(lines[0])
    assert (event.pop("level"), event.pop("time")[-1]) == (level, "Z")
    if one.refused:
        assert event.pop("refused") == one.refused
    assert event == {
        "event": "request", "request": "abc-1", "method": "GET", "route": ROUTE, "status": one.status, "ms": 3.0,
        "key": "shop", "model": "0123456789ab",
    }  # fmt: skip


def test_whatever_else_happens_is_a_line_too(capfd):
    with logs.logging_to(logs.LineWriter()):
        logging.getLogger("cofactor.serving").info("the model %s is at version %s now", "svd", "é")
        logging.getLogger("uvicorn.error").warning("not worth it")
        try:
            raise RuntimeError("inside")
        except RuntimeError:
            logging.getLogger("cofactor.serving").exception("failed")
    info, error = map(json.loads, capfd.readouterr().err.splitlines())
    assert info == {**info, "level": "info", "event": "the model svd is at version é now", "process": os.getpid()}
    assert "RuntimeError: inside" in error["trouble"]
    assert not logging.getLogger("cofactor").handlers


def test_a_log_that_nobody_reads_or_that_cannot_be_written_holds_nobody_up():
    reading, writing = os.pipe()
    with Path("/dev/full").open("wb") as full:
        for descriptor in (writing, full.fileno()):
            writer = logs.LineWriter(descriptor, max_lines=100)
            start = time.monotonic()
            for _ in range(20_000):
                writer.write(b"x" * 100 + b"\n")
            assert time.monotonic() - start < 2
            assert writer.lost > 1_000
    os.close(reading)
    os.close(writing)
