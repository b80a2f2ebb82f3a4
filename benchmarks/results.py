"""Measurements of the benchmarks: one JSON file, rewritten after every fit, and summaries of it."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, pstdev

from cofactor.evaluation.metrics.registry import lower_is_better
from cofactor.experiments.protocols.registry import PROTOCOLS

CLOCKS = ("wall", "cpu")
KEY = ("stage", "protocol", "entry", "seed")  # a measurement replaces an earlier one of the same
TABLES = {  # title, and the protocols that are averaged over
    "ML-100K, u1": ("ml-100k/u1",),
    "ML-100K, mean of u1 … u5": tuple(f"ml-100k/u{fold}" for fold in range(1, 6)),
    "ML-1M, 90/10": tuple(f"ml-1m/{seed}" for seed in range(3)),
    "ML-1M, top-N": tuple(f"ml-1m-top-n/{seed}" for seed in range(3)),
    "Gowalla": ("gowalla",),
    "NCF, ML-1M": ("ncf",),
}
METRICS = {  # the columns of a table, the first of which orders it
    title: PROTOCOLS[name].metrics
    for title, name in {
        "ML-100K, u1": "ml-100k-u1",
        "ML-100K, mean of u1 … u5": "ml-100k-folds",
        "ML-1M, 90/10": "ml-1m-90-10",
        "ML-1M, top-N": "ml-1m-top-n",
        "Gowalla": "gowalla",
        "NCF, ML-1M": "ncf-ml-1m",
    }.items()
}


class Results:
    """Records of single fits: dictionaries with KEY, system, options, wall, cpu and the metrics of the protocol."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[dict] = []
        self._read()

    def found(self, record: dict) -> dict | None:
        """The stored record with the same key and options, if there is one."""
        same = (one for one in self.records if _key(one) == _key(record) and one["options"] == record["options"])
        return next(same, None)

    def add(self, record: dict) -> None:
        """Stores a record, replacing one with the same key (for candidates: and options), and writes the file."""
        self._read()  # another run may have written since
        choosing = record["stage"] == "choose"
        self.records = [
            one
            for one in self.records
            if _key(one) != _key(record) or (choosing and one["options"] != record["options"])
        ]
        self.records.append(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".part")
        beside.write_text(json.dumps({"machine": machine(), "records": self.records}, indent=1, ensure_ascii=False))
        beside.replace(self.path)

    def _read(self) -> None:
        if self.path.exists():
            self.records = json.loads(self.path.read_text())["records"]


@dataclass(frozen=True)
class Line:
    """A line of a table, aggregated over runs: (mean, spread) of each metric, and median seconds."""

    entry: str
    system: str
    figures: dict[str, tuple[float, float]]
    cpu: float
    wall: float
    runs: int
    options: list[dict]  # distinct ones, but for the seed

    @property
    def ours(self) -> bool:
        return self.system == "cofactor"


def lines_of(records: Iterable[dict], title: str) -> list[Line]:
    """The lines of a table, the best first. An entry that lacks one of several protocols is left out.

    The spread is the standard deviation over seeds, or over the splits where these differ. Of a mean over folds only
    seed 0 counts, so that each has the same weight.
    """
    protocols, metrics = TABLES[title], METRICS[title]
    runs: dict[str, list[dict]] = {}
    for one in records:
        of_folds = title.startswith("ML-100K, mean")
        if one["stage"] == "test" and one["protocol"] in protocols and (one["seed"] == 0 or not of_folds):
            runs.setdefault(one["entry"], []).append(one)
    whole = {name: some for name, some in runs.items() if {one["protocol"] for one in some} == set(protocols)}
    sign = 1 if lower_is_better(metrics[0]) else -1
    return sorted(
        (_line(name, some, metrics) for name, some in whole.items()), key=lambda x: sign * x.figures[metrics[0]][0]
    )


def _line(name: str, runs: list[dict], metrics: tuple[str, ...]) -> Line:
    values = {metric: [one[metric] for one in runs] for metric in metrics}
    figures = {metric: (fmean(some), pstdev(some)) for metric, some in values.items()}
    cpu, wall = (median(one[clock] for one in runs) for clock in ("cpu", "wall"))
    options: list[dict] = []
    for one in runs:
        plain = {key: value for key, value in one["options"].items() if key != "seed"}
        if plain not in options:
            options.append(plain)
    return Line(name, runs[0]["system"], figures, cpu, wall, len(runs), options)


def markdown(lines: list[Line], metrics: tuple[str, ...]) -> str:
    """The lines as a Markdown table; our models are in bold."""
    rows = [
        "| model | " + " | ".join(map(shown, metrics)) + " | CPU s | wall s |",
        "|---|" + "---:|" * (len(metrics) + 2),
    ]
    for one in lines:
        name = f"**{one.entry}**" if one.ours else one.entry
        cells = [f"{mean:.4f}" + (f" ± {spread:.4f}" if one.runs > 1 else "") for mean, spread in one.figures.values()]
        rows.append("| " + " | ".join([name, *cells, seconds(one.cpu), seconds(one.wall)]) + " |")
    return "\n".join(rows)


def shown(metric: str) -> str:
    """The display name of a metric."""
    plain = {"recall": "Recall", "precision": "P", "hit_rate": "HR"}
    kind, _, k = metric.removeprefix("sampled_").partition("@")
    sampled = "sampled " if metric.startswith("sampled_") else ""
    return sampled + plain.get(kind, kind.upper()) + (f"@{k}" if k else "")


def seconds(value: float) -> str:
    """Two significant digits, without a fraction from ten seconds on."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}"


def machine() -> dict[str, str]:
    """Description of the machine."""
    cpu = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
        if cpu.exists()
        else []
    )
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _key(record: dict) -> tuple:
    return tuple(record[name] for name in KEY)
