"""The difference of a metric between two models, its interval, and the verdict."""

from dataclasses import dataclass

from cofactor.evaluation.metrics.metric import LOWER
from cofactor.evaluation.metrics.registry import direction

REFERENCE = "the measure"  # the verdict of the model that the others are compared with, as saved in JSON
BETTER, WORSE = "better", "worse"
NO_DIFFERENCE = "no real difference"
LEVEL = 0.05  # significance level of a verdict


@dataclass(frozen=True)
class Difference:
    """A model's metric minus that of the model it is compared with, on the same users, with its 95 % interval.

    The interval is for this difference alone. `p_holm`, and therefore the verdict, is corrected for the number of
    comparisons.
    """

    metric: str
    model: str
    against: str
    value: float
    low: float  # NaN, as high and p, if there is only one user
    high: float
    p: float  # probability of a difference at least as large if the models were equally good
    p_holm: float  # corrected for the number of comparisons

    @property
    def is_reference(self) -> bool:
        """Whether this is the model that the others are compared with."""
        return self.model == self.against

    @property
    def verdict(self) -> str:
        """REFERENCE, BETTER, WORSE or, if the corrected p is above 5 %, NO_DIFFERENCE."""
        if self.is_reference:
            return REFERENCE
        if not self.p_holm <= LEVEL:
            return NO_DIFFERENCE
        return BETTER if (self.value < 0) == (direction(self.metric) is LOWER) else WORSE
