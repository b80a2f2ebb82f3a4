"""How far another training, with another seed, would move a figure: as far as the seeds that there are differ."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from cofactor.errors import BadHyperparameter
from cofactor.evaluation.report_protocol import Measured
from cofactor.evaluation.significance.per_user_values import Samples

Seeds = Sequence[Measured]  # of one model on one split, each of a training with another seed
Reports = Mapping[str, Sequence[Seeds]]  # by model, for each split


class Training(NamedTuple):
    """The variance of a figure, or of a difference, over trainings; nothing where there is one training only."""

    variance: float = 0.0  # of the mean over the seeds there are, by how they differ
    explained: float = 0.0  # the part of it that the test's users would bring about if seeds were alike on the whole
    freedom: float = 1.0  # degrees of freedom of `variance`

    @property
    def beyond(self) -> float:
        """The part that the users do not explain, and that drawing users cannot see."""
        return max(0.0, self.variance - self.explained)

    @classmethod
    def of(cls, samples: Sequence[Sequence[Samples]]) -> Self:
        """Of a figure on F splits, trained with S seeds on each, that is the mean over both.

        s² = Σ_s (figure_s - mean)² / (S - 1) on a split is the variance of one training. It has two parts: that one
        seed is better on the whole, and that one suits some users better than another, which are few in a test.
        The latter, the interaction of seeds and users, is also in the variance over users, and must not count twice:
        m/(m-1) Σ_u Σ_s (influence_us - mean_s influence_us)² / (S - 1) for m users.
        """
        n_splits, n_seeds = len(samples), len(samples[0])
        if n_seeds < 2:
            return cls()
        figures = [[one.figure for one in seeds] for seeds in samples]
        interaction = [_interaction(seeds) for seeds in samples]
        trainings = n_splits * n_seeds
        return cls(
            float(np.mean(np.var(figures, axis=1, ddof=1))) / trainings,
            float(np.mean(interaction)) / trainings,
            n_splits * (n_seeds - 1),
        )

    def apart(self, other: "Training") -> "Training":
        """Of the difference of two figures, whose trainings have nothing to do with one another.

        Source of its degrees of freedom: F. Satterthwaite, "An Approximate Distribution of Estimates of Variance
        Components", Biometrics Bulletin 2(6), 1946.
        """
        variance = self.variance + other.variance
        parts = self.variance**2 / self.freedom + other.variance**2 / other.freedom
        freedom = variance**2 / parts if parts > 0 else 1.0
        return Training(variance, self.explained + other.explained, freedom)


def _interaction(seeds: Sequence[Samples]) -> float:
    influence = np.array([one.influence for one in seeds])  # (S, m)
    m = influence.shape[1]
    return float(np.sum(np.var(influence, axis=0, ddof=1))) * m / (m - 1) if m > 1 else 0.0


def by_seed(reports: Mapping[str, Sequence[Measured | Seeds]]) -> dict[str, list[list[Measured]]]:
    """A list for each split, where there may be a single report. Raises BadHyperparameter where a model has not as many
    seeds on all splits."""
    found = {
        name: [list(one) if isinstance(one, Sequence) else [one] for one in some] for name, some in reports.items()
    }
    for name, some in found.items():
        counts = {len(seeds) for seeds in some}
        if len(counts) > 1 or 0 in counts:
            listed = ", ".join(map(str, (len(seeds) for seeds in some)))
            message = f"{name} was not trained with equally many seeds on all splits, but with {listed}"
            raise BadHyperparameter(message, "give as many reports for each split, or one")
    return found
