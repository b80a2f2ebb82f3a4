"""The findings of a comparison as sentences."""

import math
from collections.abc import Mapping, Sequence

from cofactor.evaluation.metrics.registry import metric_label
from cofactor.evaluation.significance.difference import BETTER, NO_DIFFERENCE, WORSE, Difference


def describe_differences(metric: str, found: Sequence[Difference]) -> str:
    """One metric in a sentence, from the differences of all models from one of them.

    If that one is the best model: which models do not differ from it significantly, and how far behind the first that
    does is. If it was named by the user: which models are better and which are worse. p is the corrected p.
    """
    against, name = found[0].against, metric_label(metric)
    others = sorted((one for one in found if not one.is_reference), key=lambda one: abs(one.value))
    if all(math.isnan(one.p) for one in others):
        return f"{name}: nothing can be concluded from one user"
    better, worse, equal = (
        [one for one in others if one.verdict == verdict] for verdict in (BETTER, WORSE, NO_DIFFERENCE)
    )
    parts = []
    if equal:
        listed = [f"{one.model} ({_format_difference(one)})" for one in equal]
        parts.append(f"no real difference between {against} and {_join_names(listed)}")
    if better:
        most, *rest = better[::-1]
        parts.append(f"{most.model} is better than {against} by {_format_gain(most)}{_join_also(rest)}")
    if worse:
        least, *rest = worse
        gain = f"{against} is better than {least.model} by {_format_gain(least)}"
        parts.append(gain + (f", and than {_join_names([one.model for one in rest])} by more" if rest else ""))
    return f"{name}: {'; '.join(parts)}"


def describe_seeds(counts: Sequence[int], deviations: Mapping[str, float]) -> str:
    """How many seeds a sentence's values are means of, and the models' standard deviations over them: of more than two
    models the smallest and the largest. Empty if every model was trained once."""
    if not deviations:
        return ""
    names = sorted(deviations, key=lambda name: deviations[name])
    chosen = names if len(names) < 3 else (names[0], names[-1])
    listed = [f"±{deviations[name]:.4f} ({name})" for name in chosen]
    spread = (" to " if len(names) > 2 else " and ").join(listed)
    return f"; means of {' or '.join(map(str, counts))} seeds, which differ by {spread}"


def _format_gain(one: Difference) -> str:
    low, high = sorted((abs(one.low), abs(one.high)))
    return f"{abs(one.value):.4f} (95 % interval {low:.4f} to {high:.4f}, {_format_p(one.p_holm)})"


def _format_difference(one: Difference) -> str:
    if one.value == one.low == one.high == 0:
        return "the same for every user"
    return f"by {one.value:+.4f}, 95 % interval {one.low:+.4f} to {one.high:+.4f}, {_format_p(one.p_holm)}"


def _format_p(p: float) -> str:
    return "p unknown" if math.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _join_also(rest: Sequence[Difference]) -> str:
    if not rest:
        return ""
    return f", and so {'is' if len(rest) == 1 else 'are'} {_join_names([one.model for one in rest])}"


def _join_names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
