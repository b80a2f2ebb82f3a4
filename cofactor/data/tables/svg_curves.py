"""Curves as an SVG picture, for notebooks."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 480, 180, 40  # pixels
COLOURS = ("#1f5fa8", "#c2410c", "#15803d", "#7e22ce")


def svg_curves(curves: Mapping[str, Sequence[float | None]], x_label: str = "epoch") -> str:
    """Curves over 1, 2, … by name, with their range; empty where there are fewer than two points."""
    known = [value for curve in curves.values() for value in curve if value is not None]
    n = max(map(len, curves.values()), default=0)
    if n < 2 or len(known) < 2:
        return ""
    low, high = min(known), max(known)
    lines = [
        _line(curve, n, low, high, colour)
        for curve, colour in zip(curves.values(), COLOURS * len(curves), strict=False)
    ]
    labels = [
        _label(MARGIN + 90 * place, HEIGHT - 4, name, colour)
        for place, (name, colour) in enumerate(zip(curves, COLOURS * len(curves), strict=False))
    ]
    axes = [
        _label(0, 14, f"{high:.4g}"),
        _label(0, HEIGHT - MARGIN, f"{low:.4g}"),
        _label(WIDTH - 60, HEIGHT - 4, f"{n} {x_label}s"),
    ]
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{"".join([*lines, *labels, *axes])}</svg>'


def _line(curve: Sequence[float | None], n: int, low: float, high: float, colour: str) -> str:
    across, down = (WIDTH - 2 * MARGIN) / (n - 1), (HEIGHT - MARGIN - 20) / ((high - low) or 1)
    points = " ".join(
        f"{MARGIN + place * across:.1f},{10 + (high - value) * down:.1f}"
        for place, value in enumerate(curve)
        if value is not None
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _label(x: float, y: float, text: str, colour: str = "currentColor") -> str:
    return f'<text x="{x}" y="{y}" font-size="11" fill="{colour}">{escape(text)}</text>'
