"""How to get to a model: frozen hyperparameters, and a procedure that yields a model after each pass."""

import difflib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData, BadHyperparameter
from cofactor.models.base import Model


@dataclass(frozen=True)
class Bounds:
    """What a number may be at all."""

    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True)
class Search:
    """Where a tuner looks for a number."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Among:
    """Which words a tuner tries."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Hyperparameter:
    """One field of a trainer, as the command line, the manifest and the tuner see it."""

    name: str
    type: Any  # bool, int, float, str, or a Literal of the words it may be
    default: Any
    help: str
    bounds: Bounds
    search: Search | None
    words: tuple[str, ...] = ()  # that a tuner tries


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


@dataclass(frozen=True)
class Trainer(ABC):
    """A frozen dataclass of hyperparameters; `epochs` is the one method that an algorithm writes.

    A field is `name: Annotated[type, "help text", Bounds(least), Search(low, high)] = default`, without the Search
    where there is nothing to tune; its type may be a Literal of words, of which Among names those worth trying. Values
    are checked when a trainer is made: one of the wrong type or out of bounds is a BadHyperparameter.
    """

    name: ClassVar[str]
    personal: ClassVar[bool] = True  # False where every user's list has the same order
    start: ClassVar[str | None] = None  # what a whole model is that training may start from; None where it cannot
    starts: ClassVar[Mapping[str, str]] = {}  # names of parts that it may start from, and what model each takes

    @abstractmethod
    def epochs(self, ratings: Ratings, resume: Resume | None = None) -> Iterator[Epoch]:
        """Yields a usable model after each pass; a closed form yields once.

        resume: a model to start from instead of random numbers; several of them, by the names in `starts`; or the
        snapshot of an epoch of the same training, after which the epochs are those of the unbroken one, bit for bit.

        Deterministic: the same ratings, hyperparameters and machine give the same models for any number of threads.
        """

    def fit(self, ratings: Ratings, validation: Ratings | None = None, patience: int = 3) -> Model:
        """The last model, or with validation ratings the one that does best on them (see `best_of`).

        Raises BadData where there are no ratings.
        """
        from cofactor.trainers.early import best_of

        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        if validation is not None:
            return best_of(self.epochs(ratings), validation, patience).model
        last = None
        for last in self.epochs(ratings):  # noqa: B007  # the loop is the training
            pass
        assert last is not None, f"{self.name} made no model"
        return last.model

    def __post_init__(self) -> None:
        for parameter in self.hyperparameters():
            check_value(self.name, parameter, getattr(self, parameter.name))

    @classmethod
    def hyperparameters(cls) -> list[Hyperparameter]:
        """Every field with its type, default, help text and search range."""
        hints = get_type_hints(cls, include_extras=True)
        listed = []
        for field in fields(cls):
            annotated = get_args(hints[field.name])
            kind, notes = annotated[0], annotated[1:]
            text = next((n for n in notes if isinstance(n, str)), "")
            bounds = next((n for n in notes if isinstance(n, Bounds)), Bounds())
            search = next((n for n in notes if isinstance(n, Search)), None)
            words = next((n.words for n in notes if isinstance(n, Among)), ())
            listed.append(Hyperparameter(field.name, kind, field.default, text, bounds, search, words))
        return listed

    @classmethod
    def of(cls, **options: Any) -> Self:
        """A trainer of these hyperparameters; a misspelt one is a BadHyperparameter that names the nearest."""
        known = [p.name for p in cls.hyperparameters()]
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]}?" if near else f"{cls.name} has: {', '.join(known) or 'none'}"
                raise BadHyperparameter(f"{cls.name} has no hyperparameter {name!r}", hint)
        return cls(**options)

    def settings(self) -> dict[str, Any]:
        """The hyperparameters by name, as the manifest keeps them."""
        return {p.name: getattr(self, p.name) for p in self.hyperparameters()}


def check_value(trainer: str, parameter: Hyperparameter, value: Any) -> None:
    """Raises BadHyperparameter for a value of the wrong type, out of bounds, or none of the words."""
    if get_origin(parameter.type) is Literal:
        words = get_args(parameter.type)
        if value not in words:
            raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it is one of {', '.join(words)}")
        return
    right = isinstance(value, int | float if parameter.type is float else parameter.type)
    if not right or (isinstance(value, bool) and parameter.type is not bool):
        kind = parameter.type.__name__
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}, not {kind}", f"it is the {parameter.help}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadHyperparameter(f"{trainer}: {parameter.name} is {value}", "it must be a finite number")
    bounds = parameter.bounds
    if isinstance(value, str) or bounds.least <= value <= bounds.most:
        return
    most = "" if bounds.most == math.inf else f" and at most {bounds.most:g}"
    raise BadHyperparameter(f"{trainer}: {parameter.name} is {value!r}", f"it must be at least {bounds.least:g}{most}")
