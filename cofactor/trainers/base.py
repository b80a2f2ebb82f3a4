"""The base classes of trainers: frozen hyperparameters, and a method that yields a model after each epoch."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, ClassVar, Literal, Self, get_args, get_type_hints

from cofactor.argument_names import check_names
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings
from cofactor.data.tables.given_ratings import RatingsLike, as_training_parts
from cofactor.models.base import Model
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.fit import fit_ratings
from cofactor.training.hyperparameter import Bounds, Choices, Hyperparameter, SearchRange, check_value, plain_value
from cofactor.training.snapshot import cannot_resume
from cofactor.training.state import TrainingState, check_not_empty, run_epochs
from cofactor.training.tracking.progress import choose_display
from cofactor.training.warm_start import no_warm_start

Family = Literal["simple", "factors by gradient", "factors by equations", "linear and neighbours", "networks", "others"]


@dataclass(frozen=True)
class Trainer(ABC):
    """A frozen dataclass of hyperparameters that trains models. An algorithm derives from one of its two subclasses:
    `IterativeTrainer`, which trains epoch by epoch, or `OneStepTrainer`, which computes its model at once.

    A field is `name: Annotated[type, "help text", Bounds(low), SearchRange(low, high)] = default`; one that is not
    tuned has no SearchRange. The type may be a Literal of choices; Choices names those that are tried in a search.
    A type of `T | None` with the default None is computed from the training ratings. Values are checked when a trainer
    is created: a wrong type or a value out of bounds is a BadHyperparameter.
    """

    name: ClassVar[str]
    personal: ClassVar[bool] = True  # False where every user's list has the same order
    family: ClassVar[Family] = "others"  # plots of many models give a family one colour
    one_step: ClassVar[bool] = False  # True for a closed form, which has no epoch to choose
    alias_of: ClassVar[str | None] = None  # the trainer that this one is by default, under another name
    warm_start_model: ClassVar[str | None] = None  # the model that training may start from; None where it cannot
    warm_start_parts: ClassVar[Mapping[str, str]] = {}  # parts that may start from a model each, and which model

    def __new__(cls, *values: Any, **options: Any) -> Self:
        """Raises UnknownArgument for a name that is no hyperparameter, and names the one that is meant."""
        check_names(options, [one.name for one in cls.hyperparameters()], cls.name, "hyperparameter")
        return super().__new__(cls)

    @abstractmethod
    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        """Yields a usable model after each pass; a closed form yields once.

        resume: the snapshot of an epoch of the same training, after which the epochs are those of the uninterrupted
        training, bit for bit. warm_start: a model to start from instead of random numbers, or several models by the
        names in `warm_start_parts`. Raises BadHyperparameter for a warm start of a trainer that cannot have one.

        Deterministic: the same ratings, hyperparameters and machine give the same models for any number of threads.
        """

    def fit(
        self,
        ratings: RatingsLike,
        validation: RatingsLike | None = None,
        patience: int = 3,
        *,
        warm_start: WarmStart | None = None,
        progress: bool | None = None,
    ) -> Model:
        """The model of the last epoch, or with validation ratings of the one that does best on them.

        Ratings may also be a data frame, a sparse matrix or a path, which are read as `cofactor.read` does.

        progress: whether a bar on stderr shows the epochs; None: where a person looks on, in a terminal or a notebook.

        `cofactor.fit` does the same with a split, and also saves checkpoints, resumes, refits and records the epochs.
        It keeps the best epoch on Ctrl-C, where this method raises KeyboardInterrupt. The model of a training that
        diverges is that of the best epoch before, with a warning.

        Raises BadData for no ratings, TrainingDiverged where no epoch is finite, and SplitMismatch where `validation`
        is the test part of a split, or `warm_start` has learned other ratings than these.
        """
        train, others = as_training_parts(ratings, validation)
        fitted = fit_ratings(
            self,
            train,
            others,
            patience=patience,
            warm_start=warm_start,
            measure_objective=False,
            display=choose_display(progress),
        )
        if fitted.interrupted:
            raise KeyboardInterrupt
        if fitted.diverged:
            message = f"{self.name} diverged: the model is that of epoch {fitted.best_epoch}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        return fitted.model

    def only_ranks(self, kind: Kind) -> bool:
        """Whether models of ratings of this kind only rank. Counts and pairs need a trainer of which this is true."""
        return False

    def select_positives(self, train: Ratings, held_out: Ratings) -> Ratings:
        """The held-out ratings that a list should contain, for a training on `train`; BadData where there are none."""
        return held_out

    def training_note(self, ratings: Ratings) -> str | None:
        """A remark on how these training ratings are used, such as which are no positives; None where there is none."""
        return None

    def __post_init__(self) -> None:
        for parameter in self.hyperparameters():
            value = plain_value(getattr(self, parameter.name))
            check_value(self.name, parameter, value)
            object.__setattr__(self, parameter.name, value)

    @classmethod
    def hyperparameters(cls) -> list[Hyperparameter]:
        """Every field with its type, default, help text and search range."""
        hints = get_type_hints(cls, include_extras=True)
        listed = []
        for field in sorted(fields(cls), key=lambda one: bool(one.kw_only)):  # those that trainers share come last
            annotated = get_args(hints[field.name])
            kind, notes = annotated[0], annotated[1:]
            optional = NoneType in get_args(kind)
            kind = next(one for one in get_args(kind) if one is not NoneType) if optional else kind
            text = next((n for n in notes if isinstance(n, str)), "")
            bounds = next((n for n in notes if isinstance(n, Bounds)), Bounds())
            search = next((n for n in notes if isinstance(n, SearchRange)), None)
            choices = next((n.values for n in notes if isinstance(n, Choices)), ())
            listed.append(Hyperparameter(field.name, kind, field.default, text, bounds, search, choices, optional))
        return listed

    @classmethod
    def tunable(cls) -> bool:
        """Whether a search over all trainers includes this one: it has a search range, and no other name."""
        return cls.alias_of is None and any(p.search is not None or p.choices for p in cls.hyperparameters())

    @classmethod
    def of(cls, **options: Any) -> Self:
        """A trainer of these hyperparameters; a misspelt one is a BadHyperparameter that names the nearest."""
        return cls(**options)

    def settings(self) -> dict[str, Any]:
        """The hyperparameters by name, as the manifest keeps them."""
        return {p.name: getattr(self, p.name) for p in self.hyperparameters()}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The hyperparameters by name, as scikit-learn asks for them; `sklearn.base.clone` makes an equal trainer."""
        return self.settings()

    def set_params(self, **params: Any) -> Self:
        """A trainer with other values of some hyperparameters. A trainer does not change, so use what this returns."""
        return type(self).of(**{**self.settings(), **params})


class IterativeTrainer(Trainer):
    """A trainer whose training is a state that is improved in each epoch."""

    @abstractmethod
    def training_state(self) -> type[TrainingState[Any]]:
        """The class of the state."""

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        return run_epochs(self, self.training_state(), ratings, resume, warm_start)


class OneStepTrainer(Trainer):
    """A trainer that computes its model in one step; there is nothing to resume and no random start to replace."""

    one_step: ClassVar[bool] = True

    @abstractmethod
    def solve(self, ratings: Ratings) -> Model:
        """The model of at least one rating."""

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        check_not_empty(ratings)
        if warm_start is not None:
            raise no_warm_start(self.name)
        if resume is not None:
            raise cannot_resume(self.name)
        yield Epoch(1, 1, self.solve(ratings), train_rmse=None)
