"""Metrics of all server processes in the Prometheus format: counters, histograms of times, and gauges."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cofactor.serving.http.boundary import Answered
from cofactor.serving.model_registry import REFUSED, ModelRegistry
from cofactor.serving.telemetry.counters import MetricCounters, buckets, total
from cofactor.serving.telemetry.shared_text import SharedText

REQUESTS, SECONDS, REFUSED_REQUESTS = "cofactor_requests", "cofactor_request_seconds", "cofactor_refused"
LISTS, RELOADS = "cofactor_lists", "cofactor_reloads"
STORE_SECONDS, STORE_EVENTS, STORE_ERRORS = "cofactor_store_seconds", "cofactor_store_words", "cofactor_store_errors"
IN_FLIGHT, CONNECTIONS, DAMAGED = "cofactor_in_flight", "cofactor_connections", "cofactor_candidate_refused"
CPU, MEMORY, FILES, BEGAN = (
    "process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds",
)  # fmt: skip

COUNTERS = {
    REQUESTS: ("Answered requests; route is a template, empty for an unknown route.", ("method", "route", "status")),
    REFUSED_REQUESTS: ("Requests refused before they were processed.", ("reason",)),
    LISTS: ("Computed lists by source: trained, folded-in or popular.", ("source",)),
    RELOADS: ("Checks of a model's folder in a process by result: swapped, unchanged or refused.", ("model", "result")),
    STORE_EVENTS: ("Ratings and deletions stored on disk.", ()),
    STORE_ERRORS: ("Failed operations of the rating store.", ("asked",)),
    CPU: ("CPU seconds of a worker.", ("worker",)),
}
TIMES = {
    SECONDS: ("Seconds from a request's arrival to its answer.", ("method", "route")),
    STORE_SECONDS: ("Seconds of an operation of the rating store.", ("asked",)),
}
GAUGES = {
    IN_FLIGHT: ("Requests in progress in a worker.", ("worker",)),
    CONNECTIONS: ("Open connections of a worker.", ("worker",)),
    DAMAGED: ("1 while a model's folder contains a model that cannot be served.", ("worker", "model")),
    MEMORY: (
        "Resident memory of a worker in bytes, including the pages of the models, which workers share.",
        ("worker",),
    ),
    FILES: ("Open files and connections of a worker.", ("worker",)),
    BEGAN: ("Start time of a worker in seconds since 1970.", ("worker",)),
}
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
STATM, OPEN_FILES = Path("/proc/self/statm"), Path("/proc/self/fd")


class Metrics:
    """The metrics of one process and, with `slots`, of all other server processes.

    `answered` is called in the event loop only and takes no lock; events of other threads are counted separately.
    """

    def __init__(self, service: ModelRegistry, slots: SharedText | None = None, place: int = 0) -> None:
        self._service, self._slots, self._place = service, slots, place
        self._requests, self._other_events, self._lock = MetricCounters(), MetricCounters(), threading.Lock()
        self._refused: set[str] = set()
        self._began = time.time()
        self.in_flight: Callable[[], int] = lambda: 0
        self.connections: Callable[[], int] = lambda: 0
        if slots is not None and (before := slots.read(place)):
            self._requests = MetricCounters.loads(
                before
            )  # of the worker that this one replaces: counters never decrease
            self._requests.gauges.clear()
            self._cpu_before = self._requests.counters.pop((CPU, (str(place),)), 0.0)
        else:
            self._cpu_before = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(_ServiceCollector(self))

    def answered(self, one: Answered) -> None:
        """Counts a request. It must take about a microsecond, because it is called for every request."""
        counters = self._requests
        counters.count(REQUESTS, (one.method, one.route, str(one.status)))
        counters.time(SECONDS, (one.method, one.route), one.seconds)
        if one.refused:
            counters.count(REFUSED_REQUESTS, (one.refused,))

    def listed(self, source: str) -> None:
        with self._lock:
            self._other_events.count(LISTS, (source,))

    def stored(self, operation: str, seconds: float, events: int, failed: bool) -> None:
        with self._lock:
            self._other_events.time(STORE_SECONDS, (operation,), seconds)
            if events:
                self._other_events.count(STORE_EVENTS, (), events)
            if failed:
                self._other_events.count(STORE_ERRORS, (operation,))

    def reloaded(self, name: str, result: str) -> None:
        with self._lock:
            self._other_events.count(RELOADS, (name, result))
            (self._refused.add if result == REFUSED else self._refused.discard)(name)

    def flush(self) -> MetricCounters:
        """The current metrics of this process, which are also published for the other processes."""
        own = MetricCounters()
        own.add(self._requests)
        with self._lock:
            own.add(self._other_events)
            refused = set(self._refused)
        worker = str(self._place)
        own.counters[CPU, (worker,)] = self._cpu_before + time.process_time()
        own.gauges = {
            (IN_FLIGHT, (worker,)): self.in_flight(),
            (CONNECTIONS, (worker,)): self.connections(),
            (BEGAN, (worker,)): self._began,
            **{(DAMAGED, (worker, name)): float(name in refused) for name in self._service.versions()},
            **_system_gauges(worker),
        }
        if self._slots is not None:
            self._slots.write(self._place, own.dumps())
        return own

    def page(self) -> bytes:
        """The answer to GET /metrics."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        own = self.flush()
        others = [] if self._slots is None else [self._slots.read(n) for n in range(self._slots.n) if n != self._place]
        whole = total([own, *(MetricCounters.loads(text) for text in others if text)])
        yield from _families(whole)
        yield from self._models()

    def _models(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "cofactor_model_info", "The current version of each model.", labels=("model", "version", "trainer")
        )
        age = GaugeMetricFamily("cofactor_model_age_seconds", "Seconds since a model was created.", labels=("model",))
        for one in self._service.models()["models"]:
            info.add_metric((one["name"], one["model"], one["trainer"]), 1)
            if (
                created := _seconds(self._service.service(one["name"]).loaded_model.manifest.get("created"))
            ) is not None:
                age.add_metric((one["name"],), time.time() - created)
        ready = GaugeMetricFamily("cofactor_ready", "1 while requests are accepted; 0 during start-up and shutdown.")
        ready.add_metric((), float(self._service.ready))
        yield from (info, age, ready)


class _ServiceCollector(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families()

    def describe(self) -> list[Metric]:
        return []


def _families(whole: MetricCounters) -> Iterator[Metric]:
    counters = {name: CounterMetricFamily(name, text, labels=labels) for name, (text, labels) in COUNTERS.items()}
    gauges = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in GAUGES.items()}
    times = {name: HistogramMetricFamily(name, text, labels=labels) for name, (text, labels) in TIMES.items()}
    for (name, labels), value in sorted(whole.counters.items()):
        counters[name].add_metric(labels, value)
    for (name, labels), value in sorted(whole.gauges.items()):
        gauges[name].add_metric(labels, value)
    for (name, labels), values in sorted(whole.times.items()):
        times[name].add_metric(labels, buckets(values), values[0])
    yield from (*counters.values(), *times.values(), *gauges.values())


def _system_gauges(worker: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Memory and open files, if the system reports them."""
    try:
        pages, files = int(STATM.read_text().split()[1]), sum(1 for _ in OPEN_FILES.iterdir())
    except OSError:
        return {}
    return {(MEMORY, (worker,)): pages * PAGE, (FILES, (worker,)): files}


def _seconds(created: object) -> float | None:
    try:
        return datetime.fromisoformat(str(created)).timestamp()
    except ValueError:
        return None
