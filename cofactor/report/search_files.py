"""The files of a search: trials.csv, search.json, and the page with its plot."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from cofactor.experiments.tuning.result import SearchResult
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.report.write import write_search


def write_search_result(result: SearchResult, folder: Path) -> None:
    """Writes trials.csv, a row for each trial; search.json; search.html, search.md and a plot."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(result.space.axes)
    with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", "state", result.metric, "error", "epochs", "seconds", "cpu_seconds", *names])
        writer.writerows(_row(one, names) for one in result.trials)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    (folder / "search.json").write_bytes(orjson.dumps(result.as_dict(), option=options, default=str))
    if result.test is None:  # the page shows nothing of the test part, and was written before that was read
        write_search(result.history, folder)


def _row(one: TrialResult, names: Sequence[str]) -> list[Any]:
    cost = round(one.seconds, 3), round(one.cpu_seconds, 3)
    cells = one.number, one.state, one.value, one.error, one.epochs, *cost
    return [*("" if cell is None else cell for cell in cells), *(one.hyperparameters[name] for name in names)]
