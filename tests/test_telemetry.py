"""What operators see is what happened, and a line of the log holds nothing that is nobody's business."""

import json
import logging
import os

import pytest
from cofactor.serving.telemetry.counters import BUCKETS, MetricCounters, buckets, total
from cofactor.serving.telemetry.instrumented_service import InstrumentedStore
from cofactor.serving.telemetry.shared_text import SharedText
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cofactor.errors import Unavailable
from cofactor.feedback.open_store import open_store
from cofactor.feedback.store import RatingEvent
from cofactor.serving.api.middleware import AnsweredRequest
from cofactor.serving.model_registry import REFUSED, SWAPPED, ModelRegistry
from cofactor.serving.schemas.requests import BatchBody, FoldedBody, ListQuery, Rated
from cofactor.serving.telemetry import logs
from cofactor.serving.telemetry.metrics import Metrics
from tests.small_service import bundle

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
    assert told["cofactor_candidate_refused", info[0], ("worker", "0")] == 1
    assert told["cofactor_reloads_total", info[0], ("result", "refused")] == 1
    assert told["cofactor_ready",] == 1
    service.report_reload("model", SWAPPED)
    assert samples(metrics)["cofactor_candidate_refused", info[0], ("worker", "0")] == 0


def test_lists_are_counted_by_what_they_rest_on_and_the_warm_up_is_not(service, tmp_path):
    service = ModelRegistry(bundle(), open_store(str(tmp_path / "ratings.db")))
    metrics = Metrics(service)
    service.observe(metrics)
    service.warm_up()
    answers = service.service()
    answers.store.append([RatingEvent("7", "50", 5.0, 1)])
    answers.recommendations("40", ListQuery())
    answers.recommendations("7", ListQuery())
    answers.recommendations_for_ratings(FoldedBody(ratings=[Rated(item="50", rating=4.0)]))
    answers.batch(BatchBody(users=["40", "nobody"], n=1))
    answers.recommendations("nobody", ListQuery(stranger="popular"))
    told = samples(metrics)
    assert told["cofactor_lists_total", ("source", "trained")] == 2
    assert told["cofactor_lists_total", ("source", "folded-in")] == 2
    assert told["cofactor_lists_total", ("source", "popular")] == 1
    assert told["cofactor_store_words_total",] == 1
    assert told["cofactor_store_seconds_count", ("asked", "put")] == 1
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


def test_workers_are_added_up_and_one_that_comes_back_goes_on_counting(service):
    slots = SharedText(2)
    first, second = Metrics(service, slots, 0), Metrics(service, slots, 1)
    for metrics, times in ((first, 3), (second, 4)):
        for _ in range(times):
            metrics.answered(answered())
        metrics.flush()
    key = "cofactor_requests_total", ("method", "GET"), ("route", ROUTE), ("status", "200")
    assert samples(first)[key] == samples(second)[key] == 7
    assert {("worker", "0"), ("worker", "1")} == {one[1] for one in samples(first) if one[0] == "cofactor_in_flight"}
    again = Metrics(service, slots, 1)  # after the second one died
    again.answered(answered())
    assert samples(again)[key] == 8
    cpu = "process_cpu_seconds_total", ("worker", "1")
    assert samples(again)[cpu] >= samples(first)[cpu] > 0


@given(st.lists(st.floats(0, 20), max_size=30))
def test_buckets_hold_what_a_naive_count_does(times):
    tally = MetricCounters()
    for one in times:
        tally.time("t", (), one)
    whole = total([tally, MetricCounters.loads(tally.dumps())])
    values = whole.times.get(("t", ()), [0.0] * (len(BUCKETS) + 2))
    naive = [(str(bound), 2 * sum(one <= bound for one in times)) for bound in BUCKETS]
    assert buckets(values) == [*naive, ("+Inf", 2 * len(times))]
    assert values[0] == pytest.approx(2 * sum(times))


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
    logs.RequestLog(every).answered(one)
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
    with logs.to_stderr():
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
