"""Leave-one-out evaluation with sampled negatives: each held-out item is ranked among a hundred items.

Its metrics are much higher than those over the whole catalogue and may order models differently (W. Krichene
and S. Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020): they serve to compare with published results,
and every name contains "sampled".

Source: He, Liao, Zhang, Nie, Hu, Chua 2017, "Neural Collaborative Filtering", section 4.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cofactor.argument_names import check_arguments
from cofactor.arrays import Array, Doubles, Floats, Rows
from cofactor.errors import BadArtifact, BadHyperparameter, check_type
from cofactor.evaluation.held_out import HeldOut, hold_out
from cofactor.evaluation.metrics.metric import MetricValues
from cofactor.evaluation.metrics.sampled import SAMPLED
from cofactor.evaluation.metrics.standard_error import standard_error
from cofactor.evaluation.report import check_k
from cofactor.evaluation.report_text import describe_report, report_as_html
from cofactor.evaluation.sampled_negatives import Cases
from cofactor.evaluation.significance.per_user_values import Samples
from cofactor.models.base import Model

BATCH_USERS = 256


@dataclass(frozen=True, eq=False)
class SampledReport:
    """sampled_hit_rate@k and sampled_ndcg@k, means over the cases, and their standard errors by user.

    counts: ratings (cases), users, items, negatives (the most of a case).
    """

    metrics: Mapping[str, float]
    standard_errors: Mapping[str, float]
    counts: Mapping[str, int]
    k: tuple[int, ...]
    users: Rows = field(repr=False)  # (n,) the test's user rows, ascending
    ranks: Array = field(repr=False)  # (n,) of the held-out items, from 1

    @property
    def values_noun(self) -> str:
        """The word for the test values, which are held-out items."""
        return "interactions"

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in list(self.metrics.items())[:4])
        return f"<report on {self.counts['ratings']:,} cases of {self.counts['users']:,} users: {shown}>"

    def __str__(self) -> str:
        return "\n".join(map(str, describe_report(self)))

    def _repr_html_(self) -> str:
        return report_as_html(self)

    def samples(self, name: str) -> Samples | None:
        """The values by user whose mean is the metric; None for a missing metric."""
        if name not in self.metrics:
            return None
        users, number = np.unique(self.users, return_inverse=True)
        total: Doubles = np.bincount(number, metric_values(name, self.ranks)).astype(np.float64)
        return Samples(users, total, np.bincount(number).astype(np.float64))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON, and None for an undefined standard error."""
        return {
            "metrics": dict(self.metrics),
            "standard_errors": {name: e if np.isfinite(e) else None for name, e in self.standard_errors.items()},
            "counts": dict(self.counts),
            "k": list(self.k),
        }


def metric_values(name: str, ranks: Array) -> Doubles:
    """(n,) values of a metric of SAMPLED at k, as "sampled_ndcg@10", for (n,) ranks."""
    base, _, k = name.partition("@")
    return SAMPLED[base].compute(ranks, int(k))


@check_arguments()
def evaluate_sampled(model: Model, cases: Cases, k: Sequence[int] | int = (10,)) -> SampledReport:
    """Evaluate a model on cases that it was not trained on.

    The rank is 1 + the number of negatives that score no lower: a tie counts against the model. An item that the model
    does not know scores lowest. Raises UnknownId for an unknown user, and SplitMismatch if the model was trained on
    a held-out pair or on another split.
    """
    check_type("cases", cases, Cases, "cofactor.read_cases reads them from a file")
    ks = check_k(k)
    if not ks:
        raise BadHyperparameter("k is empty", "give one list length, or several: whole numbers from 1")
    held_out = hold_out(cases.test, model.training_data)
    rank = _ranks(model, held_out, cases)
    names = [f"{name}@{at}" for at in ks for name in SAMPLED]
    values = {name: metric_values(name, rank) for name in names}
    counts = {name: held_out.counts()[name] for name in ("ratings", "users", "items")}
    return SampledReport(
        MetricValues((name, float(value.mean())) for name, value in values.items()),
        {name: standard_error(value, held_out.user_number) for name, value in values.items()},
        counts | {"negatives": int((cases.negatives >= 0).sum(axis=1).max())},
        ks,
        held_out.user,
        rank,
    )


def _ranks(model: Model, held_out: HeldOut, cases: Cases) -> Array:
    """(n,) ranks in the order of the held-out ratings. Each block of users is scored once."""
    training_data, test = model.training_data, cases.test
    for row in held_out.user[held_out.model_user >= len(training_data.users)][:1]:
        training_data.users.row(test.users.ids[row])  # raises with the nearest known id
    known = (
        np.arange(len(test.items)) if test.items == training_data.items else training_data.items.rows(test.items.ids)
    )
    negatives = cases.negatives[np.lexsort((test.item, test.user))]
    item, among, drawn = known[held_out.item], known[negatives], negatives >= 0
    rank = np.empty(len(item), dtype=np.int64)
    for start in range(0, len(held_out.start) - 1, BATCH_USERS):
        first, *_, last = held_out.start[start : start + BATCH_USERS + 1]
        here = slice(first, last)
        users = held_out.model_user[held_out.start[start : start + BATCH_USERS + 1][:-1]]
        scores = _scores(model, users)
        row = held_out.user_number[here] - start
        wanted = scores[row, item[here]][:, None]
        rank[here] = 1 + np.count_nonzero(drawn[here] & (scores[row[:, None], among[here]] >= wanted), axis=1)
    return rank


def _scores(model: Model, users: Rows) -> Floats:
    """(m, n_items + 1) scores; the last column, row -1, is for unknown items."""
    scores = model.score_rows(users)
    if np.isnan(scores).any():
        raise BadArtifact("the model scores NaN", "its training diverged: train the model again")
    return np.column_stack((scores, np.full(len(users), -np.inf, dtype=np.float32)))
