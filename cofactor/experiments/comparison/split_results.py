"""What became of the contestants, split by split."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from cofactor.data.splitting.split import Split
from cofactor.errors import CofactorError
from cofactor.evaluation.report_protocol import Measured
from cofactor.experiments.comparison.candidates import Brought, Contestant, Entry
from cofactor.training.checkpoint import digest_ratings

Contestants = Sequence[Contestant | Brought]


@dataclass(frozen=True, eq=False)
class Round:
    """The models that were measured on one split, by name; of those trained with several seeds, that of the first."""

    name: str
    split: Split
    entries: dict[str, Entry] = field(default_factory=dict)
    others: dict[str, list[Entry]] = field(default_factory=dict)  # of further seeds

    @cached_property
    def seen(self) -> str:
        """The digest of all that training sees."""
        return digest_ratings([self.split.train, self.split.validation])

    def of(self, names: Iterable[str]) -> "Round":
        """The same of some of the models."""
        kept = list(names)
        return replace(
            self,
            entries={name: self.entries[name] for name in kept},
            others={name: some for name, some in self.others.items() if name in kept},
        )

    def seeds(self, name: str) -> list[Entry]:
        """All trainings of one."""
        return [self.entries[name], *self.others.get(name, ())]


@dataclass(frozen=True, eq=False)
class Contest:
    """The splits that every model left was measured on, and why those that are not left are not."""

    rounds: Sequence[Round]
    failures: Mapping[str, CofactorError]
    interrupted: bool

    @property
    def names(self) -> list[str]:
        return list(self.rounds[0].entries)

    @property
    def reports(self) -> dict[str, list[list[Measured]]]:
        """By model: for each split one of each seed."""
        return {name: [[entry.report for entry in one.seeds(name)] for one in self.rounds] for name in self.names}


def comparable(
    rounds: Sequence[Round], contestants: Contestants, failures: Mapping[str, CofactorError], interrupted: bool
) -> Contest:
    """What can be compared of what was measured: the complete splits or, if none is, what there is of the first.

    Raises KeyboardInterrupt where Ctrl-C came before anything was measured, and the first failure where nothing of what
    was asked for is left.
    """
    left = [one.name for one in contestants if one.name not in failures]
    complete = [one for one in rounds if all(name in one.entries for name in left)] or list(rounds[:1])
    left = [name for name in left if complete and name in complete[0].entries]
    if interrupted and not left:
        raise KeyboardInterrupt
    asked = {one.name for one in contestants if isinstance(one, Brought) or one.asked}
    if not interrupted and asked.isdisjoint(left):
        raise next(iter(failures.values()))
    return Contest([one.of(left) for one in complete], failures, interrupted)
