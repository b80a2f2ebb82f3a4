"""Names and figures as people read them."""

import math
from collections.abc import Mapping
from typing import Any

from cofactor.evaluation.metrics.registry import metric_label

NONE = "–"
LONGEST_NAME = 26  # letters of a model's name in a picture


def metric_name(metric: str) -> str:
    """ "ndcg@10" as NDCG@10, "rated_f1@10" as Rated F1@10."""
    name = metric_label(metric)
    return name[0].upper() + name[1:]


def is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def figure(value: float | None) -> str:
    """Four decimals, fewer for large figures."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}" if abs(value) < 1000 else f"{value:,.0f}"


def error(value: float | None) -> str:
    """ "±0.0044"; nothing where there is none."""
    return "" if value is None or not math.isfinite(value) else f"±{figure(value)}"


def seconds(value: float | None) -> str:
    """Three digits that count."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:,.0f}" if value >= 100 else f"{value:.{max(0, 2 - _power(value))}f}" if value > 0 else "0"


def duration(value: float | None) -> str:
    """Seconds in a unit that is read easily."""
    if value is None or not math.isfinite(value):
        return NONE
    if value < 1e-3:
        return f"{seconds(value * 1e6)} µs"
    return f"{seconds(value * 1e3)} ms" if value < 1 else f"{seconds(value)} s"


def size(n_bytes: float | None) -> str:
    """Bytes in MB."""
    if n_bytes is None or not math.isfinite(n_bytes):
        return NONE
    return f"{n_bytes / 1e6:,.1f}" if n_bytes >= 1e5 else f"{n_bytes / 1e6:.3f}"


def probability(p: float) -> str:
    """A p-value."""
    if not math.isfinite(p):
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def one_line(text: str) -> str:
    """Text on one line, without what moves the cursor or turns the direction of letters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short(name: str, most: int = LONGEST_NAME) -> str:
    """A name that fits a picture: one line, printable, with its end left out where it is too long."""
    plain = one_line(name) or "?"
    return plain if len(plain) <= most else plain[: most - 1].rstrip() + "…"


def shortened(names: Mapping[str, Any] | list[str], most: int = LONGEST_NAME) -> dict[str, str]:
    """Each name shortened; those that would then be the same are numbered."""
    found: dict[str, str] = {}
    for name in names:
        wanted, n = short(name, most), 1
        while wanted in found.values():
            n += 1
            wanted = f"{short(name, most - 4)} ({n})"
        found[name] = wanted
    return found


def listed(words: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _power(value: float) -> int:
    return math.floor(math.log10(value)) if value > 0 else 0
