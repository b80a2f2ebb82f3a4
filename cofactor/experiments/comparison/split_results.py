"""What became of the contestants, split by split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from cofactor.data.splitting.split import Split
from cofactor.errors import CofactorError
from cofactor.evaluation.report_protocol import ReportLike
from cofactor.experiments.comparison.candidates import Candidate, ModelResult, SavedModel
from cofactor.training.checkpoint import digest_ratings

Candidates = Sequence[Candidate | SavedModel]


@dataclass(frozen=True, eq=False)
class SplitResults:
    """The models that were measured on one split, by name; of those trained with several seeds, that of the first."""

    name: str
    split: Split
    results: dict[str, ModelResult] = field(default_factory=dict)
    further_seeds: dict[str, list[ModelResult]] = field(default_factory=dict)  # of further seeds

    @cached_property
    def training_digest(self) -> str:
        """The digest of all that training sees."""
        return digest_ratings([self.split.train, self.split.validation])

    def select(self, names: Iterable[str]) -> "SplitResults":
        """The same of some of the models."""
        kept = list(names)
        return replace(
            self,
            results={name: self.results[name] for name in kept},
            further_seeds={name: some for name, some in self.further_seeds.items() if name in kept},
        )

    def all_seeds(self, name: str) -> list[ModelResult]:
        """All trainings of one."""
        return [self.results[name], *self.further_seeds.get(name, ())]


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """The splits that every model left was measured on, and why those that are not left are not."""

    splits: Sequence[SplitResults]
    failures: Mapping[str, CofactorError]
    interrupted: bool

    @property
    def names(self) -> list[str]:
        return list(self.splits[0].results)

    @property
    def reports(self) -> dict[str, list[list[ReportLike]]]:
        """By model: for each split one of each seed."""
        return {name: [[entry.report for entry in one.all_seeds(name)] for one in self.splits] for name in self.names}


def keep_comparable(
    rounds: Sequence[SplitResults], contestants: Candidates, failures: Mapping[str, CofactorError], interrupted: bool
) -> ComparisonResult:
    """What can be compared of what was measured: the complete splits or, if none is, what there is of the first.

    Raises KeyboardInterrupt where Ctrl-C came before anything was measured, and the first failure where nothing of what
    was asked for is left.
    """
    left = [one.name for one in contestants if one.name not in failures]
    complete = [one for one in rounds if all(name in one.results for name in left)] or list(rounds[:1])
    left = [name for name in left if complete and name in complete[0].results]
    if interrupted and not left:
        raise KeyboardInterrupt
    asked = {one.name for one in contestants if isinstance(one, SavedModel) or one.requested}
    if not interrupted and asked.isdisjoint(left):
        raise next(iter(failures.values()))
    return ComparisonResult([one.select(left) for one in complete], failures, interrupted)
