"""What figures of a model on a test set are, whichever way they were measured."""

from collections.abc import Mapping
from typing import Any, Protocol

from cofactor.evaluation.significance.per_user_values import Samples


class ReportLike(Protocol):
    """A report: figures by name, their standard errors, what was counted, and what each figure is the mean of.

    `Report` is one, with the evidence that breakdowns are made of; `SampledReport` another, which has none.
    """

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def standard_errors(self) -> Mapping[str, float]: ...

    @property
    def counts(self) -> Mapping[str, int]: ...

    @property
    def k(self) -> tuple[int, ...]: ...

    def samples(self, name: str) -> Samples | None: ...

    def as_dict(self) -> dict[str, Any]: ...
