"""Variance of a metric over trainings with other random seeds, estimated from the seeds at hand."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import numpy as np

from cofactor.errors import BadHyperparameter
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.evaluation.significance.per_user_values import Samples

SeedReports = Sequence[ReportLike]  # of one model on one split, one per seed
ReportsByModel = Mapping[str, Sequence[SeedReports]]  # by model, for each split


class SeedVariance(NamedTuple):
    """The variance of a metric, or of a difference, over trainings; 0 if there is only one training."""

    variance: float = 0.0  # of the mean over the seeds
    explained: float = 0.0  # the part that the interaction of seeds and test users accounts for
    degrees_of_freedom: float = 1.0  # degrees of freedom of `variance`

    @property
    def unexplained(self) -> float:
        """The part that the users do not explain, and that resampling users cannot include."""
        return max(0.0, self.variance - self.explained)

    @classmethod
    def from_samples(cls, samples: Sequence[Sequence[Samples]]) -> Self:
        """The variance of a metric that is the mean over F splits and S seeds on each.

        s² = Σ_s (value_s - mean)² / (S - 1) on a split is the variance of one training. It has two parts: some
        seeds are better for all users, and some seeds are better for some users than for others. The second part, the
        interaction of seeds and users, is also in the variance over users and must not be counted twice:
        m/(m-1) Σ_u Σ_s (influence_us - mean_s influence_us)² / (S - 1) for m users.
        """
        n_splits, n_seeds = len(samples), len(samples[0])
        if n_seeds < 2:
            return cls()
        values = [[one.value for one in seeds] for seeds in samples]
        interaction = [_interaction(seeds) for seeds in samples]
        n_trainings = n_splits * n_seeds
        return cls(
            float(np.mean(np.var(values, axis=1, ddof=1))) / n_trainings,
            float(np.mean(interaction)) / n_trainings,
            n_splits * (n_seeds - 1),
        )

    def difference_with(self, other: "SeedVariance") -> "SeedVariance":
        """The variance of the difference of two metrics from independent trainings.

        Source of the degrees of freedom: F. Satterthwaite, "An Approximate Distribution of Estimates of Variance
        Components", Biometrics Bulletin 2(6), 1946.
        """
        variance = self.variance + other.variance
        parts = self.variance**2 / self.degrees_of_freedom + other.variance**2 / other.degrees_of_freedom
        freedom = variance**2 / parts if parts > 0 else 1.0
        return SeedVariance(variance, self.explained + other.explained, freedom)


def _interaction(seeds: Sequence[Samples]) -> float:
    influence = np.array([one.influence for one in seeds])  # (S, m)
    m = influence.shape[1]
    return float(np.sum(np.var(influence, axis=0, ddof=1))) * m / (m - 1) if m > 1 else 0.0


def group_by_seed(reports: Mapping[str, Sequence[ReportLike | SeedReports]]) -> dict[str, list[list[ReportLike]]]:
    """The same with a list of seeds for each split, also where a single report was given. Raises BadHyperparameter if a
    model has not equally many seeds on all splits."""
    found = {
        name: [list(one) if isinstance(one, Sequence) else [one] for one in some] for name, some in reports.items()
    }
    for name, some in found.items():
        counts = {len(seeds) for seeds in some}
        if len(counts) > 1 or 0 in counts:
            listed = ", ".join(map(str, (len(seeds) for seeds in some)))
            message = f"{name} was trained with different numbers of seeds on the splits: {listed}"
            raise BadHyperparameter(message, "give equally many reports for each split")
    return found
