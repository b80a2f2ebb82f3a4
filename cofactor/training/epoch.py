"""One pass of a training: the model it leaves, and the state from which training can resume."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cofactor.arrays import Array
from cofactor.models.base import Model


@dataclass(frozen=True)
class Snapshot:
    """All that a training needs to go on, bit for bit, after one of its epochs."""

    number: int  # of the epoch
    arrays: Mapping[str, Array]  # float32, float64, int32 or int64; copies, which later epochs leave alone


Resume = Model | Snapshot | Mapping[str, Model]  # what a training may start from, see `Trainer.epochs`


@dataclass(frozen=True)
class Epoch:
    """A usable model after one pass over the ratings."""

    number: int  # from 1
    of: int  # how many passes are planned
    made: Model | Callable[[], Model]  # the model, or what makes it of parts that later passes leave alone
    train_rmse: float | None  # over the pass, each rating predicted just before it was learned; None where not measured
    learning_rate: float | None = None
    minimised: float | Callable[[], float] | None = None  # the objective for each rating, penalties included
    state: Callable[[], Mapping[str, Array]] | None = None  # what a snapshot holds; None where nothing can be resumed

    @cached_property
    def model(self) -> Model:
        return self.made if isinstance(self.made, Model) else self.made()

    @cached_property
    def loss(self) -> float | None:
        return self.minimised() if callable(self.minimised) else self.minimised

    def snapshot(self) -> Snapshot | None:
        """What `epochs(ratings, resume=…)` goes on from; only before the next epoch is asked for."""
        return None if self.state is None else Snapshot(self.number, self.state())
