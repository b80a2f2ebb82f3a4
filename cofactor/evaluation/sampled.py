"""The protocol of neural collaborative filtering: each user's held-out item among items drawn for them.

Its figures are higher than those over the whole catalogue, and can order models differently (docs/metrics.md): they
are for comparing with published ones.

Source: He, Liao, Zhang, Nie, Hu, Chua 2017, "Neural Collaborative Filtering", section 4.1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofactor.arrays import Rows
from cofactor.data.culprit import naming
from cofactor.errors import BadArtifact, BadData, SplitMismatch
from cofactor.evaluation.metrics import standard_error
from cofactor.models.base import Model

PAIR = re.compile(r"\(\s*([^,()]+?)\s*,\s*([^,()]+?)\s*\)")
USERS_AT_A_TIME = 256


@dataclass(frozen=True)
class Case:
    """A user's held-out item and the ones it is ranked among."""

    user: str
    item: str
    negatives: Sequence[str]


@dataclass(frozen=True)
class SampledReport:
    """Means over users and their standard errors, s/√m."""

    metrics: dict[str, float]
    errors: dict[str, float]
    users: int


def read_cases(path: Path | str) -> list[Case]:
    """The cases of a file with lines of `(user,item)`, a tab, and the negatives with tabs between them.

    An item that stands among its own negatives is no negative. Raises BadData that names the line.
    """
    cases = []
    with naming(str(path)):
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadData(f"cannot be read: {error}", "it is a file of text, as in ml-1m.test.negative") from error
        for number, line in enumerate(lines, start=1):
            held_out, *negatives = line.strip().split("\t")
            pair = PAIR.fullmatch(held_out)
            if pair is None or not negatives:
                raise BadData(f"line {number:,}: no `(user,item)` with negatives behind tabs", "mend the line")
            cases.append(Case(pair[1], pair[2], [one for one in dict.fromkeys(negatives) if one != pair[2]]))
        if not cases:
            raise BadData("the file is empty", "it needs lines of `(user,item)` and negatives")
    return cases


def evaluate_sampled(model: Model, cases: Sequence[Case], k: int = 10) -> SampledReport:
    """hit_rate@k, 1 for a rank ≤ k, and ndcg@k, 1/log₂(1 + rank) for one; the mean over the cases.

    The rank is 1 + the number of negatives that score no lower: a tie counts against the model. An item that the model
    does not know scores lowest. Raises UnknownId for an unknown user, and SplitMismatch where the model was trained on
    a held-out pair.
    """
    catalog = model.catalog
    users = np.array([catalog.users.row(case.user) for case in cases], dtype=np.int32)
    items = catalog.items.rows([case.item for case in cases])
    _check_unseen(model, users, items, cases)
    ranks = np.empty(len(cases), dtype=np.int64)
    for start in range(0, len(cases), USERS_AT_A_TIME):
        here = slice(start, start + USERS_AT_A_TIME)
        scores = np.column_stack((model.scores(users[here]), np.full(len(users[here]), -np.inf)))  # -1: unknown
        if np.isnan(scores).any():
            raise BadArtifact("the model scores NaN", "its training diverged: train it again")
        for place, (case, row) in enumerate(zip(cases[here], scores, strict=True), start):
            ranks[place] = 1 + np.count_nonzero(row[catalog.items.rows(case.negatives)] >= row[items[place]])
    hit = (ranks <= k).astype(np.float64)
    values = {f"hit_rate@{k}": hit, f"ndcg@{k}": hit / np.log2(1 + ranks)}
    means = {name: float(value.mean()) for name, value in values.items()}
    return SampledReport(means, {name: standard_error(value) for name, value in values.items()}, len(cases))


def _check_unseen(model: Model, users: Rows, items: Rows, cases: Sequence[Case]) -> None:
    history = model.catalog.history
    for user, item, case in zip(users, items, cases, strict=True):
        if item in history.indices[history.indptr[user] : history.indptr[user + 1]]:  # -1 is in none
            raise SplitMismatch(
                f"the model was trained on user {case.user!r} and item {case.item!r}, which are held out",
                "train it on ratings without those of the test",
            )
