"""The model card as HTML, and the learning curve as SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

from cofactor.data.kind import values_noun

NAMES = {
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "mrr": "MRR",
    "auc": "AUC",
    "ndcg": "NDCG",
    "map": "MAP",
    "f1": "F1",
}
TILES = ("rmse", "mae", "ndcg@10", "recall@10", "coverage@10")  # metrics shown large
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 360, 210, 42, 12, 12, 34  # of the plot, and its margins
TICKS = 4


def card(described: Mapping[str, Any]) -> str:
    """The content of the section about the model, from the fields of `Card`."""
    metrics, name = described.get("metrics", {}), described.get("trainer") or described["kind"]
    tiles = [
        *((_metric(key), _format(metrics[key])) for key in TILES if key in metrics),
        *((word.capitalize(), f"{described[word]:,}") for word in ("users", "items")),
        (values_noun(described["values"]).capitalize(), f"{described['ratings']:,}"),
    ]
    facts = {
        "Version": described["model"],
        "Trained": str(described.get("created", "")).replace("T", " ").replace("+00:00", " UTC"),
        "Kind": described["kind"],
        **_values(described),
        "Output": "predicted ratings" if described["predicts_ratings"] else "ranking scores",
        "New ratings": "stored by the service" if described["takes_ratings"] else "on this page only",
    }
    rows = {_metric(key): _format(value) for key, value in metrics.items()}
    by = "" if name == described["name"] else f' <span class="soft">{escape(str(name))}</span>'
    return (
        f'<h2 id="model-heading" tabindex="-1">{escape(str(described["name"]))}{by}</h2>'
        f'<dl class="tiles">{"".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in tiles)}</dl>'
        f'<div class="facts"><div>{_learning_curve(described)}</div><div>'
        f"{_table('Properties', facts)}{_table('Hyperparameters', described.get('hyperparameters', {}))}</div>"
        f"<div>{_table('Metrics on the test set', rows)}</div></div>"
    )


def _values(described: Mapping[str, Any]) -> dict[str, str]:
    """What the values of the data are: the scale of ratings, the range of counts, nothing for pairs."""
    low, high = described["scale"]
    if described["values"] == "ratings":
        step = f", in steps of {described['step']:g}" if described["step"] else ""
        return {"Scale": f"{low:g} to {high:g}{step}"}
    return {"Counts": f"{low:g} to {high:g}"} if described["values"] == "counts" else {}


def _table(title: str, rows: Mapping[str, Any]) -> str:
    cells = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(str(value))}</td></tr>'
        for name, value in rows.items()
        if value != ""
    )
    return f"<table><caption>{title}</caption>{cells}</table>" if cells else ""


def _metric(key: str) -> str:
    name, at, k = key.partition("@")
    return NAMES.get(name, name.replace("_", " ").capitalize()) + at + k


def _format(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _learning_curve(described: Mapping[str, Any]) -> str:
    """The learning curve as a plot, and as a table for screen readers."""
    curve: Sequence[Mapping[str, Any]] = described["curve"]
    metric = described.get("curve_metric") or "RMSE"
    lines = {
        "train": (f"train {'RMSE' if metric != 'RMSE' else ''}".strip(), [(e["epoch"], e["train"]) for e in curve]),
        "validation": (
            f"validation {metric if metric != 'RMSE' else ''}".strip(),
            [(e["epoch"], e["validation"]) for e in curve],
        ),
    }
    series = {key: (word, [(x, y) for x, y in points if y is not None]) for key, (word, points) in lines.items()}
    series = {key: line for key, line in series.items() if line[1]}
    if metric != "RMSE" and len(series) == 2:  # two different metrics have no common axis
        del series["train"]
    if not series or len(curve) < 2:
        return '<p class="soft">No learning curve: the model was trained in one step, or no metrics were recorded.</p>'
    return _plot(series, metric, described.get("best_epoch")) + _curve_table(series)


def _plot(series: Mapping[str, tuple[str, list[tuple[int, float]]]], metric: str, best: int | None) -> str:
    xs = [x for _, points in series.values() for x, _ in points]
    ys = [y for _, points in series.values() for _, y in points]
    (x0, x1), (y0, y1) = (min(xs), max(xs)), (min(ys), max(ys))
    step = _step((y1 - y0) or 0.01)
    first, last = floor(y0 / step + 1e-9), ceil(y1 / step - 1e-9)
    last = max(last, first + 1)
    y0, y1 = first * step, last * step

    def x(value: float) -> float:
        return LEFT + (value - x0) / ((x1 - x0) or 1) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (y1 - value) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)

    grid = "".join(
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{y(v) + 3.5:.1f}" text-anchor="end">{v:.{max(2, -floor(log10(step)))}f}</text>'
        for v in (k * step for k in range(first, last + 1))
    )
    spacing = max(1, round(_step((x1 - x0) or 1)))
    epochs = [x0, *(e for e in range(spacing, x1, spacing) if e > x0 + spacing / 3 and e < x1 - spacing / 3), x1]
    ticks = "".join(f'<text x="{x(v):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{v}</text>' for v in epochs)
    drawn = "".join(
        f'<polyline class="{key}" points="{" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)}"/>'
        for key, (_, points) in series.items()
    )
    at_best = next((v for a, v in series.get("validation", ("", []))[1] if a == best), None)
    dot = (
        f'<circle cx="{x(best):.1f}" cy="{y(at_best):.1f}" r="4"/>' if best is not None and at_best is not None else ""
    )
    legend = "".join(f'<span class="{key}">{word}</span>' for key, (word, _) in series.items())
    best_label = f'<span class="kept">best epoch: {best} ({at_best:.4f})</span>' if dot else ""
    description = f"{escape(metric)} by epoch; the table below has the values"
    return (
        f'<figure class="curve"><figcaption>Learning curve, {escape(metric)} by epoch</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{description}">'
        f'<g class="grid">{grid}{ticks}</g>'
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 3}" text-anchor="middle">epoch</text>'
        f"{drawn}{dot}</svg><p>{legend}{best_label}</p></figure>"
    )


def _step(span: float) -> float:
    """A distance between about TICKS ticks over a span: 1, 2 or 5 times a power of ten."""
    rough = span / TICKS
    power = 10.0 ** floor(log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * 0.99), 10 * power)


def _curve_table(series: Mapping[str, tuple[str, list[tuple[int, float]]]]) -> str:
    columns = {word: dict(points) for word, points in series.values()}
    epochs = sorted({epoch for points in columns.values() for epoch in points})
    heads = "".join(f'<th scope="col">{word}</th>' for word in ("epoch", *columns))
    rows = "".join(
        f'<tr><th scope="row">{epoch}</th>'
        + "".join(f"<td>{points[epoch]:.4f}</td>" if epoch in points else "<td>–</td>" for points in columns.values())
        + "</tr>"
        for epoch in epochs
    )
    return f"<details><summary>Learning curve as a table</summary><table><tr>{heads}</tr>{rows}</table></details>"
