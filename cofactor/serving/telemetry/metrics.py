"""What operators see: counts, times and states of every process that serves, in Prometheus' format."""

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

REQUESTS, SECONDS, TURNED_AWAY = "cofactor_requests", "cofactor_request_seconds", "cofactor_refused"
LISTS, RELOADS = "cofactor_lists", "cofactor_reloads"
STORE_SECONDS, STORE_WORDS, STORE_ERRORS = "cofactor_store_seconds", "cofactor_store_words", "cofactor_store_errors"
IN_FLIGHT, CONNECTIONS, DAMAGED = "cofactor_in_flight", "cofactor_connections", "cofactor_candidate_refused"
CPU, MEMORY, FILES, BEGAN = (
    "process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds",
)  # fmt: skip

COUNTERS = {
    REQUESTS: ("Requests answered; route is a template, empty where there is none.", ("method", "route", "status")),
    TURNED_AWAY: ("Requests refused before they were looked at.", ("reason",)),
    LISTS: ("Lists made, by what they rest on: trained, folded-in or popular.", ("source",)),
    RELOADS: ("Looks into a model's folder in one process: swapped, unchanged or refused.", ("model", "result")),
    STORE_WORDS: ("Ratings taken and taken back, safe on disk.", ()),
    STORE_ERRORS: ("Questions to the store of ratings that failed.", ("asked",)),
    CPU: ("Processor seconds of a worker.", ("worker",)),
}
TIMES = {
    SECONDS: ("Seconds from a request's arrival to its answer.", ("method", "route")),
    STORE_SECONDS: ("Seconds that the store of ratings took.", ("asked",)),
}
GAUGES = {
    IN_FLIGHT: ("Requests under way in a worker.", ("worker",)),
    CONNECTIONS: ("Connections open to a worker.", ("worker",)),
    DAMAGED: ("1 while a model's folder holds something that cannot be served.", ("worker", "model")),
    MEMORY: ("Resident memory of a worker; pages of the model are in that of each.", ("worker",)),
    FILES: ("Open files and connections of a worker.", ("worker",)),
    BEGAN: ("When a worker started, in seconds since 1970.", ("worker",)),
}
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
STATM, OPEN_FILES = Path("/proc/self/statm"), Path("/proc/self/fd")


class Metrics:
    """The figures of one process; with `slots`, those of all that serve beside it are told as well.

    `answered` is called in the event loop alone and takes no lock; whatever comes from other threads is counted apart.
    """

    def __init__(self, service: ModelRegistry, slots: SharedText | None = None, place: int = 0) -> None:
        self._service, self._slots, self._place = service, slots, place
        self._tally, self._beside, self._lock = MetricCounters(), MetricCounters(), threading.Lock()
        self._refused: set[str] = set()
        self._began = time.time()
        self.in_flight: Callable[[], int] = lambda: 0
        self.connections: Callable[[], int] = lambda: 0
        if slots is not None and (before := slots.read(place)):
            self._tally = MetricCounters.loads(before)  # of the worker that was here: counts never fall
            self._tally.gauges.clear()
            self._cpu_before = self._tally.counters.pop((CPU, (str(place),)), 0.0)
        else:
            self._cpu_before = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(_Everything(self))

    def answered(self, one: Answered) -> None:
        """A request; a microsecond, for it comes on top of every one."""
        tally = self._tally
        tally.count(REQUESTS, (one.method, one.route, str(one.status)))
        tally.time(SECONDS, (one.method, one.route), one.seconds)
        if one.refused:
            tally.count(TURNED_AWAY, (one.refused,))

    def listed(self, source: str) -> None:
        with self._lock:
            self._beside.count(LISTS, (source,))

    def stored(self, asked: str, seconds: float, words: int, failed: bool) -> None:
        with self._lock:
            self._beside.time(STORE_SECONDS, (asked,), seconds)
            if words:
                self._beside.count(STORE_WORDS, (), words)
            if failed:
                self._beside.count(STORE_ERRORS, (asked,))

    def reloaded(self, name: str, result: str) -> None:
        with self._lock:
            self._beside.count(RELOADS, (name, result))
            (self._refused.add if result == REFUSED else self._refused.discard)(name)

    def flush(self) -> MetricCounters:
        """This process's figures as they are now, put where the others read them."""
        own = MetricCounters()
        own.add(self._tally)
        with self._lock:
            own.add(self._beside)
            refused = set(self._refused)
        worker = str(self._place)
        own.counters[CPU, (worker,)] = self._cpu_before + time.process_time()
        own.gauges = {
            (IN_FLIGHT, (worker,)): self.in_flight(),
            (CONNECTIONS, (worker,)): self.connections(),
            (BEGAN, (worker,)): self._began,
            **{(DAMAGED, (worker, name)): float(name in refused) for name in self._service.versions()},
            **_of_the_system(worker),
        }
        if self._slots is not None:
            self._slots.write(self._place, own.dumps())
        return own

    def page(self) -> bytes:
        """What GET /metrics answers."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        own = self.flush()
        others = [] if self._slots is None else [self._slots.read(n) for n in range(self._slots.n) if n != self._place]
        whole = total([own, *(MetricCounters.loads(text) for text in others if text)])
        yield from _families(whole)
        yield from self._models()

    def _models(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "cofactor_model_info", "The version of each model that is live.", labels=("model", "version", "trainer")
        )
        age = GaugeMetricFamily("cofactor_model_age_seconds", "Seconds since a model was made.", labels=("model",))
        for one in self._service.models()["models"]:
            info.add_metric((one["name"], one["model"], one["trainer"]), 1)
            if (made := _seconds(self._service.service(one["name"]).loaded_model.manifest.get("created"))) is not None:
                age.add_metric((one["name"],), time.time() - made)
        ready = GaugeMetricFamily("cofactor_ready", "1 while requests are taken; 0 before, and at the end.")
        ready.add_metric((), float(self._service.ready))
        yield from (info, age, ready)


class _Everything(Collector):
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


def _of_the_system(worker: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Memory and files, where the system tells."""
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
