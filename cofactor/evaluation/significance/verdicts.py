"""What a comparison found, in sentences."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cofactor.evaluation.compare import Difference

CAPITALS = ("rmse", "mse", "mae", "ndcg", "map", "mrr", "auc", "f1")


def in_words(metric: str, found: "Sequence[Difference]") -> str:
    """One metric in a sentence, by the differences of all models from one of them.

    Of the best: which models cannot be told from it, and how far behind it is the first that can. Of a model that was
    named: which are better than it and which are worse. p is the corrected one.
    """
    against, name = found[0].against, label(metric)
    others = sorted((one for one in found if one.model != against), key=lambda one: abs(one.value))
    if all(math.isnan(one.p) for one in others):
        return f"{name}: of one user alone nothing can be said"
    better, worse, like = (
        [one for one in others if one.verdict == verdict] for verdict in ("better", "worse", "no real difference")
    )
    parts = []
    if like:
        listed = [f"{one.model} ({_distance(one)})" for one in like]
        parts.append(f"no real difference between {against} and {_listed(listed)}")
    if better:
        most, *rest = better[::-1]
        parts.append(f"{most.model} is better than {against} by {_by(most)}{_too(rest)}")
    if worse:
        least, *rest = worse
        than = f"{against} is better than {least.model} by {_by(least)}"
        parts.append(than + (f", and than {_listed([one.model for one in rest])} by more" if rest else ""))
    return f"{name}: {'; '.join(parts)}"


def of_seeds(counts: Sequence[int], spreads: Mapping[str, float]) -> str:
    """What stands behind a sentence whose figures are means over seeds: how many, and how far they are apart, by the
    standard deviations of models; of more than two models the least and the largest."""
    if not spreads:
        return ""
    names = sorted(spreads, key=lambda name: spreads[name])
    shown = [f"±{spreads[name]:.4f} ({name})" for name in (names if len(names) < 3 else (names[0], names[-1]))]
    apart = (" to " if len(names) > 2 else " and ").join(shown)
    return f"; means of {' or '.join(map(str, counts))} seeds, which differ by {apart}"


def label(metric: str) -> str:
    """A metric as it is written: RMSE, NDCG@10, hit rate@10."""
    name, at, k = metric.partition("@")
    return " ".join(word.upper() if word in CAPITALS else word for word in name.split("_")) + at + k


def _by(one: "Difference") -> str:
    low, high = sorted((abs(one.low), abs(one.high)))
    return f"{abs(one.value):.4f} (95 % interval {low:.4f} to {high:.4f}, {_p(one.p_holm)})"


def _distance(one: "Difference") -> str:
    if one.value == one.low == one.high == 0:
        return "the same for every user"
    return f"by {one.value:+.4f}, 95 % interval {one.low:+.4f} to {one.high:+.4f}, {_p(one.p_holm)}"


def _p(p: float) -> str:
    return "p unknown" if math.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _too(rest: "Sequence[Difference]") -> str:
    if not rest:
        return ""
    return f", and so {'is' if len(rest) == 1 else 'are'} {_listed([one.model for one in rest])}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
