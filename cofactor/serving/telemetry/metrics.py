"""Metrics of all server processes in the Prometheus format.

prometheus_client adds the processes up: in its multiprocess mode (the environment variable PROMETHEUS_MULTIPROC_DIR)
each process keeps its counts in memory-mapped files of one folder. The counts of processes that have ended stay.
"""

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from cofactor.serving.model_registry import REFUSED, ModelRegistry
from cofactor.serving.telemetry.answered_request import AnsweredRequest

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)  # seconds
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
STATM, OPEN_FILES = Path("/proc/self/statm"), Path("/proc/self/fd")


class Metrics:
    """The metrics of one process and, in multiprocess mode, of all others."""

    def __init__(self, models: ModelRegistry) -> None:
        own = CollectorRegistry()
        self._models, self._own = models, own
        self._worker = str(os.getpid())
        self.in_flight: Callable[[], int] = lambda: 0
        self.connections: Callable[[], int] = lambda: 0
        self.lost_lines: Callable[[], int] = lambda: 0
        self._requests = Counter(
            "cofactor_requests",
            "Answered requests; route is a template, empty for an unknown route.",
            ("method", "route", "status"),
            registry=own,
        )
        self._seconds = Histogram(
            "cofactor_request_seconds",
            "Seconds from a request's arrival to its response.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=own,
        )
        self._refused = Counter(
            "cofactor_refused", "Requests refused before they were processed.", ("reason",), registry=own
        )
        self._lists = Counter(
            "cofactor_lists", "Computed lists by source: trained, folded-in or popular.", ("source",), registry=own
        )
        self._reloads = Counter(
            "cofactor_reloads",
            "Checks of a model's folder in a process by result: swapped, unchanged or refused.",
            ("model", "result"),
            registry=own,
        )
        self._store_seconds = Histogram(
            "cofactor_store_seconds",
            "Seconds of an operation of the rating store.",
            ("asked",),
            buckets=BUCKETS,
            registry=own,
        )
        self._store_events = Counter("cofactor_store_words", "Ratings and deletions stored on disk.", registry=own)
        self._store_errors = Counter(
            "cofactor_store_errors", "Failed operations of the rating store.", ("asked",), registry=own
        )
        self._gauges = {
            name: Gauge(name, text, ("worker",), registry=own, multiprocess_mode="livemax")
            for name, text in {
                "cofactor_in_flight": "Requests in progress in a worker.",
                "cofactor_connections": "Open connections of a worker.",
                "cofactor_log_lines_lost": "Lines of the log that a worker could not write.",
                "process_cpu_seconds_total": "CPU seconds of a worker.",
                "process_resident_memory_bytes": "Resident memory of a worker, with the pages of the models it shares.",
                "process_open_fds": "Open files and connections of a worker.",
                "process_start_time_seconds": "Start time of a worker in seconds since 1970.",
            }.items()
        }  # fmt: skip
        self._damaged = Gauge(
            "cofactor_candidate_refused",
            "1 while a model's folder contains a model that cannot be served.",
            ("worker", "model"),
            registry=own,
            multiprocess_mode="livemax",
        )
        for name in models.versions():
            self._damaged.labels(self._worker, name).set(0)
        self._gauges["process_start_time_seconds"].labels(self._worker).set(time.time())
        self._observed: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, one: AnsweredRequest) -> None:
        """Counts a request."""
        key = one.method, one.route, one.status
        found = self._observed.get(key)
        if found is None:
            found = self._observed[key] = (
                self._requests.labels(one.method, one.route, str(one.status)),
                self._seconds.labels(one.method, one.route),
            )
        requests, seconds = found
        requests.inc()
        seconds.observe(one.seconds)
        if one.refused:
            self._refused.labels(one.refused).inc()
        for source in one.sources:
            self._lists.labels(source).inc()

    def stored(self, operation: str, seconds: float, events: int, failed: bool) -> None:
        """Counts an operation of the store."""
        self._store_seconds.labels(operation).observe(seconds)
        self._store_events.inc(events)
        if failed:
            self._store_errors.labels(operation).inc()

    def reloaded(self, name: str, result: str) -> None:
        """Counts a reload."""
        self._reloads.labels(name, result).inc()
        self._damaged.labels(self._worker, name).set(float(result == REFUSED))

    def update(self) -> None:
        """Measures the process; called about once a second."""
        measured = {
            "cofactor_in_flight": self.in_flight(),
            "cofactor_connections": self.connections(),
            "cofactor_log_lines_lost": self.lost_lines(),
            "process_cpu_seconds_total": time.process_time(),
            **_memory_and_files(),
        }
        for name, value in measured.items():
            self._gauges[name].labels(self._worker).set(value)

    def page(self) -> bytes:
        """The response to GET /metrics."""
        self.update()
        page = self._own
        if folder := os.environ.get(FOLDER_VARIABLE):
            page = CollectorRegistry()
            _forget_ended_processes(Path(folder))
            MultiProcessCollector(page, folder)  # type: ignore[no-untyped-call]
        models = CollectorRegistry()
        models.register(_ModelCollector(self._models))
        return generate_latest(page) + generate_latest(models)


class _ModelCollector(Collector):
    """What is known of the models when the page is requested."""

    def __init__(self, models: ModelRegistry) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "cofactor_model_info", "The current version of each model.", labels=("model", "version", "trainer")
        )
        age = GaugeMetricFamily("cofactor_model_age_seconds", "Seconds since a model was created.", labels=("model",))
        for one in self._models.models()["models"]:
            info.add_metric((one["name"], one["model"], one["trainer"]), 1)
            created = _seconds(self._models.service(one["name"]).loaded_model.manifest.get("created"))
            if created is not None:
                age.add_metric((one["name"],), time.time() - created)
        ready = GaugeMetricFamily("cofactor_ready", "1 while requests are accepted; 0 during start-up and shutdown.")
        ready.add_metric((), float(self._models.ready))
        yield from (info, age, ready)

    def describe(self) -> list[Metric]:
        return []


def _forget_ended_processes(folder: Path) -> None:
    """Removes the gauges of processes that have ended; their counters stay."""
    for file in folder.glob("gauge_live*_*.db"):
        process = file.stem.rpartition("_")[2]
        if not Path(f"/proc/{process}").exists() and Path("/proc/self").exists():
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]


def _memory_and_files() -> dict[str, float]:
    """Memory and open files, if the system reports them."""
    try:
        pages, files = int(STATM.read_text().split()[1]), sum(1 for _ in OPEN_FILES.iterdir())
    except OSError:
        return {}
    return {"process_resident_memory_bytes": pages * PAGE_SIZE, "process_open_fds": files}


def _seconds(created: object) -> float | None:
    try:
        return datetime.fromisoformat(str(created)).timestamp()
    except ValueError:
        return None
