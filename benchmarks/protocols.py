"""Results of `cofactor compare` on the published protocols, written as tables into docs/benchmarks.md.

    python benchmarks/protocols.py --data FOLDER [--protocol ml-100k-u1 …] [--contestants all "svd --rank 128"]

Every protocol is one command, which its section shows, with the published results that `cofactor protocols NAME`
lists. The sections are between two markers; a section is replaced when its protocol has been run. The reports are
written to build/protocols.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from results import seconds, shown

from cofactor.evaluation.metrics.registry import lower_is_better
from cofactor.experiments.protocols.registry import PROTOCOLS, EvaluationProtocol

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- protocols: written by benchmarks/protocols.py -->\n", "<!-- /protocols -->"
RUN = "import sys; from cofactor.cli import main; sys.argv[0] = 'cofactor'; main()"


@dataclass(frozen=True)
class Row:
    """A line of a table: one of our models or a published result."""

    name: str
    figures: Mapping[str, float]
    spread: Mapping[str, float | None]
    cpu_seconds: float | None
    origin: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of ml-100k, ml-1m, gowalla, ncf-ml-1m.")
    parser.add_argument("--protocol", nargs="+", default=list(PROTOCOLS), choices=list(PROTOCOLS))
    parser.add_argument("--contestants", nargs="+", default=["all"], help="Models in the syntax of `cofactor compare`.")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    for name in given.protocol:
        arguments = ["compare", *given.contestants, "--protocol", name, "-o", f"build/protocols/{name}"]
        print(f"cofactor {shlex.join(arguments)}", file=sys.stderr, flush=True)
        environment = os.environ | {"COFACTOR_DATA": str(given.data.resolve())}
        subprocess.run([sys.executable, "-c", RUN, *arguments], env=environment, check=True)
        document = json.loads((Path(arguments[-1]) / "comparison.json").read_text())
        text = section(PROTOCOLS[name], document, f"cofactor {shlex.join(arguments)}")
        given.page.write_text(put(given.page.read_text(), name, text))
        print(text)


def section(protocol: EvaluationProtocol, document: Mapping[str, Any], command: str) -> str:
    """A protocol's heading, command, and table with our results and published ones."""
    rows = [*_ours(document), *_others(protocol)]
    splits = len(protocol.splits)
    over_users = "± is the standard error over users; paired differences between models are more precise"
    figures = f"Means of {splits} splits ± their standard deviation" if splits > 1 else over_users
    said = (
        f"{protocol.about} Source: {protocol.source}. {figures}. Published results are quoted as reported."
        " CPU s is the CPU time of the fit."
    )
    return "\n\n".join(
        [
            f"### {protocol.name}",
            f"```console\n$ {command}\n```",
            textwrap.fill(said, 120),
            _table(protocol.metrics, rows),
        ]
    )


def put(page: str, name: str, text: str) -> str:
    """The page with a new section of a protocol between its markers."""
    before, begin, rest = page.partition(BEGIN)
    inside, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"the page has no section between {BEGIN.strip()} and {END}")
    found = {one.split("\n", 1)[0]: f"### {one}".strip() for one in re.split(r"^### ", inside, flags=re.M)[1:]}
    found[name] = text
    ordered = [found[one] for one in PROTOCOLS if one in found]
    return "".join([before, begin, "\n", "\n\n".join(ordered), "\n\n", end, after])


def _ours(document: Mapping[str, Any]) -> list[Row]:
    """Rows from a comparison's JSON; the spread is over splits, or the standard error if there is only one split."""
    rows = []
    for name, model in document["models"].items():
        spread = model["spreads"] if len(model["splits"]) > 1 else model["standard_errors"]
        cost = (model["cost"] or {}).get("cpu_seconds")
        rows.append(Row(f"**{name}**", model["metrics"], spread, cost, "cofactor"))
    return rows


def _others(protocol: EvaluationProtocol) -> list[Row]:
    return [Row(one.system, one.figures, {}, one.cpu_seconds, f"{one.how}: {one.source}") for one in protocol.published]


def _table(metrics: Sequence[str], rows: Sequence[Row]) -> str:
    """The rows in Markdown, the best by the first metric first; rows without this metric are left out."""
    sign = 1 if lower_is_better(metrics[0]) else -1
    ranked = sorted((row for row in rows if metrics[0] in row.figures), key=lambda row: sign * row.figures[metrics[0]])
    lines = [["model", *map(shown, metrics), "CPU s", "origin"], ["---", *["---:"] * (len(metrics) + 1), "---"]]
    for row in ranked:
        cost = "" if row.cpu_seconds is None else seconds(row.cpu_seconds)
        lines.append([row.name, *(_cell(row, metric) for metric in metrics), cost, row.origin])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(row: Row, metric: str) -> str:
    if metric not in row.figures:
        return ""
    value, spread = row.figures[metric], row.spread.get(metric)
    if row.spread:
        return f"{value:.4f}" + ("" if spread is None else f" ± {spread:.4f}")
    return f"{value:.4f}" if round(value, 3) != value else f"{value:.3f}"  # no more digits than were given


if __name__ == "__main__":
    main()
