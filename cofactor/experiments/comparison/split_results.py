"""The results of a comparison, split by split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from cofactor.data.splitting.split import Split
from cofactor.errors import CofactorError
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.experiments.comparison.candidates import Candidates, SavedModel
from cofactor.experiments.comparison.model_result import ModelResult
from cofactor.training.checkpoint import digest_ratings


@dataclass(frozen=True, eq=False)
class SplitResults:
    """The results of all models on one split, by name.

    A candidate trained with several seeds has its first seed in `results` and the others in `further_seeds`.
    """

    name: str
    split: Split
    results: dict[str, ModelResult] = field(default_factory=dict)
    further_seeds: dict[str, list[ModelResult]] = field(default_factory=dict)

    @cached_property
    def training_digest(self) -> str:
        """The digest of the training and validation ratings."""
        return digest_ratings([self.split.train, self.split.validation])

    def select(self, names: Iterable[str]) -> "SplitResults":
        """The results of some of the models."""
        names = list(names)
        return replace(
            self,
            results={name: self.results[name] for name in names},
            further_seeds={name: some for name, some in self.further_seeds.items() if name in names},
        )

    def all_seeds(self, name: str) -> list[ModelResult]:
        """The results of a model, one for each seed."""
        return [self.results[name], *self.further_seeds.get(name, ())]


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """The splits on which every remaining model was evaluated, and the errors of the models that were left out."""

    splits: Sequence[SplitResults]
    failures: Mapping[str, CofactorError]
    interrupted: bool

    @property
    def names(self) -> list[str]:
        return list(self.splits[0].results)

    @property
    def reports(self) -> dict[str, list[list[ReportLike]]]:
        """The reports by model: a list for each split, with one report for each seed."""
        return {
            name: [[result.report for result in split.all_seeds(name)] for split in self.splits] for name in self.names
        }


def keep_comparable(
    splits: Sequence[SplitResults], candidates: Candidates, failures: Mapping[str, CofactorError], interrupted: bool
) -> ComparisonResult:
    """The results that can be compared: the complete splits or, where there is none, the models of the first split.

    Raises KeyboardInterrupt where the comparison was interrupted before its first result, and the first failure where
    every requested candidate failed.
    """
    left = [one.name for one in candidates if one.name not in failures]
    complete = [one for one in splits if all(name in one.results for name in left)] or list(splits[:1])
    left = [name for name in left if complete and name in complete[0].results]
    if interrupted and not left:
        raise KeyboardInterrupt
    requested = {one.name for one in candidates if isinstance(one, SavedModel) or one.requested}
    if not interrupted and requested.isdisjoint(left):
        raise next(error for name, error in failures.items() if name in requested)
    return ComparisonResult([one.select(left) for one in complete], failures, interrupted)
