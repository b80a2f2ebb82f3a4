"""The protocol of reports, whichever way their metrics were computed."""

from collections.abc import Mapping
from typing import Any, Protocol

from cofactor.evaluation.significance.per_user_values import Samples


class ReportLike(Protocol):
    """Metrics by name, their standard errors, counts, and the values by user whose mean a metric is.

    Implemented by `Report`, which also has the scored test set that breakdowns need, and by `SampledReport`.
    """

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def standard_errors(self) -> Mapping[str, float]: ...

    @property
    def counts(self) -> Mapping[str, int]: ...

    @property
    def values_noun(self) -> str: ...

    @property
    def k(self) -> tuple[int, ...]: ...

    def samples(self, name: str) -> Samples | None: ...

    def as_dict(self) -> dict[str, Any]: ...
