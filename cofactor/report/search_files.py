"""The files of a search: trials.csv, search.json, and the page with its plot."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import orjson

from cofactor.atomic_folders import write_file
from cofactor.experiments.tuning.result import SearchResult
from cofactor.experiments.tuning.trial import TrialResult
from cofactor.output_checks import write_errors
from cofactor.report.write import write_search


def write_search_result(result: SearchResult, folder: Path) -> None:
    """Writes trials.csv, a row for each trial; search.json; search.html, search.md and a plot.

    Raises BadArtifact where the folder is not writable.
    """
    names, trials = list(result.space.axes), StringIO()
    writer = csv.writer(trials, lineterminator="\n")
    writer.writerow(["number", "state", result.metric, "error", "epochs", "seconds", "cpu_seconds", *names])
    writer.writerows(_row(one, names) for one in result.trials)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / "trials.csv", trials.getvalue().encode())
        write_file(folder / "search.json", orjson.dumps(result.as_dict(), option=options, default=str))
    if result.test is None:  # the page shows nothing of the test part, and was written before that was read
        write_search(result.history, folder)


def _row(one: TrialResult, names: Sequence[str]) -> list[Any]:
    cost = round(one.seconds, 3), round(one.cpu_seconds, 3)
    cells = one.number, one.state, one.value, one.error, one.epochs, *cost
    return [*("" if cell is None else cell for cell in cells), *(one.hyperparameters[name] for name in names)]
