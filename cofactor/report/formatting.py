"""Names and numbers as they are written in reports."""

import math
from collections.abc import Mapping
from typing import Any

from cofactor.evaluation.metrics.registry import metric_label

NONE = "–"
LONGEST_NAME = 26  # characters of a model's name in a plot


def metric_name(metric: str) -> str:
    """ "ndcg@10" as NDCG@10, "rated_f1@10" as Rated F1@10."""
    name = metric_label(metric)
    return name[0].upper() + name[1:]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def format_metric(value: float | None) -> str:
    """Four decimals, fewer for large numbers."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def format_error(value: float | None) -> str:
    """ "±0.0044"; empty if it is undefined."""
    return "" if value is None or not math.isfinite(value) else f"±{format_metric(value)}"


def format_seconds(value: float | None) -> str:
    """Three significant digits."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.{max(0, 2 - _power(value))}f}" if value > 0 else "0"


def format_duration(value: float | None) -> str:
    """Seconds in a suitable unit."""
    if value is None or not math.isfinite(value):
        return NONE
    if value < 1e-3:
        return f"{format_seconds(value * 1e6)} µs"
    return f"{format_seconds(value * 1e3)} ms" if value < 1 else f"{format_seconds(value)} s"


def format_megabytes(n_bytes: float | None) -> str:
    """Bytes in MB."""
    if n_bytes is None or not math.isfinite(n_bytes):
        return NONE
    return f"{n_bytes / 1e6:,.1f}" if n_bytes >= 1e5 else f"{n_bytes / 1e6:.3f}"


def format_p_value(p: float) -> str:
    """A p-value."""
    if not math.isfinite(p):
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def one_line(text: str) -> str:
    """Text on one line, without control characters and marks of writing direction."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def shorten(name: str, most: int = LONGEST_NAME) -> str:
    """A name that fits a plot: one line, printable, truncated if it is too long."""
    plain = one_line(name) or "?"
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def shorten_all(names: Mapping[str, Any] | list[str], most: int = LONGEST_NAME) -> dict[str, str]:
    """Each name shortened; names that would become equal are numbered."""
    found: dict[str, str] = {}
    for name in names:
        wanted, n = shorten(name, most), 1
        while wanted in found.values():
            n += 1
            wanted = f"{shorten(name, most - 4)} ({n})"
        found[name] = wanted
    return found


def join_names(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _power(value: float) -> int:
    return math.floor(math.log10(value)) if value > 0 else 0
