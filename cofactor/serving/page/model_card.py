"""What a model says of itself, as HTML, and its learning curve as SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Any

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
TILES = ("rmse", "mae", "ndcg@10", "recall@10", "coverage@10")  # figures shown large
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 360, 210, 42, 12, 12, 34  # of the picture, and its margins
TICKS = 4


def card(described: Mapping[str, Any]) -> str:
    """The inside of the model's section."""
    metrics, name = described.get("metrics", {}), described.get("trainer") or described["kind"]
    tiles = [
        *((_metric(key), _figure(metrics[key])) for key in TILES if key in metrics),
        *((word.capitalize(), f"{described[word]:,}") for word in ("users", "items", "ratings")),
    ]
    low, high = described["scale"]
    facts = {
        "Version": described["model"],
        "Trained": str(described.get("created", "")).replace("T", " ").replace("+00:00", " UTC"),
        "Kind": described["kind"],
        "Scale": f"{low:g} to {high:g}" + (f", in steps of {described['step']:g}" if described["step"] else ""),
        "Does": "predicts ratings" if described["predicts_ratings"] else "ranks, and predicts no ratings",
        "Ratings while serving": "taken" if described["takes_ratings"] else "not taken, kept in this page",
    }
    rows = {_metric(key): _figure(value) for key, value in metrics.items()}
    by = "" if name == described["name"] else f' <span class="soft">{escape(str(name))}</span>'
    return (
        f'<h2 id="model-heading" tabindex="-1">{escape(str(described["name"]))}{by}</h2>'
        f'<dl class="tiles">{"".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in tiles)}</dl>'
        f'<div class="facts"><div>{_curve(described)}</div><div>'
        f"{_table('What it is', facts)}{_table('Hyperparameters', described.get('hyperparameters', {}))}</div>"
        f"<div>{_table('Figures on the test part', rows)}</div></div>"
    )


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


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _curve(described: Mapping[str, Any]) -> str:
    """The figures by epoch as a picture, and as a table for who does not see it."""
    curve: Sequence[Mapping[str, Any]] = described["curve"]
    metric = described.get("curve_metric") or "RMSE"
    lines = {
        "train": (f"train {'RMSE' if metric != 'RMSE' else ''}".strip(), [(e["epoch"], e["train"]) for e in curve]),
        "validation": (
            f"validation {metric if metric != 'RMSE' else ''}".strip(),
            [(e["epoch"], e["validation"]) for e in curve],
        ),
    }
    told = {key: (word, [(x, y) for x, y in points if y is not None]) for key, (word, points) in lines.items()}
    told = {key: line for key, line in told.items() if line[1]}
    if metric != "RMSE" and len(told) == 2:  # two figures of different kinds have no axis in common
        del told["train"]
    if not told or len(curve) < 2:
        return '<p class="soft">No learning curve: made in one step, or nothing was measured on the way.</p>'
    return _picture(told, metric, described.get("best_epoch")) + _told(told)


def _picture(told: Mapping[str, tuple[str, list[tuple[int, float]]]], metric: str, best: int | None) -> str:
    xs = [x for _, points in told.values() for x, _ in points]
    ys = [y for _, points in told.values() for _, y in points]
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
    apart = max(1, round(_step((x1 - x0) or 1)))
    epochs = [x0, *(e for e in range(apart, x1, apart) if e > x0 + apart / 3 and e < x1 - apart / 3), x1]
    feet = "".join(f'<text x="{x(v):.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{v}</text>' for v in epochs)
    drawn = "".join(
        f'<polyline class="{key}" points="{" ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)}"/>'
        for key, (_, points) in told.items()
    )
    at_best = next((v for a, v in told.get("validation", ("", []))[1] if a == best), None)
    dot = (
        f'<circle cx="{x(best):.1f}" cy="{y(at_best):.1f}" r="4"/>' if best is not None and at_best is not None else ""
    )
    legend = "".join(f'<span class="{key}">{word}</span>' for key, (word, _) in told.items())
    kept = f'<span class="kept">kept: epoch {best}, {at_best:.4f}</span>' if dot else ""
    said = f"{escape(metric)} by epoch; the table below has the figures"
    return (
        f'<figure class="curve"><figcaption>Learning curve, {escape(metric)} by epoch</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f'<g class="grid">{grid}{feet}</g>'
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 3}" text-anchor="middle">epoch</text>'
        f"{drawn}{dot}</svg><p>{legend}{kept}</p></figure>"
    )


def _step(span: float) -> float:
    """A round distance of about TICKS marks over a span: 1, 2 or 5 times a power of ten."""
    rough = span / TICKS
    power = 10.0 ** floor(log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * 0.99), 10 * power)


def _told(told: Mapping[str, tuple[str, list[tuple[int, float]]]]) -> str:
    columns = {word: dict(points) for word, points in told.values()}
    epochs = sorted({epoch for points in columns.values() for epoch in points})
    heads = "".join(f'<th scope="col">{word}</th>' for word in ("epoch", *columns))
    rows = "".join(
        f'<tr><th scope="row">{epoch}</th>'
        + "".join(f"<td>{points[epoch]:.4f}</td>" if epoch in points else "<td>–</td>" for points in columns.values())
        + "</tr>"
        for epoch in epochs
    )
    return f"<details><summary>The curve as figures</summary><table><tr>{heads}</tr>{rows}</table></details>"
