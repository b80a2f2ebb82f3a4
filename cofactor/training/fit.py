"""Trains a model: the one function that Python, `cofactor train`, `compare`, `tune` and `demo` call."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, replace
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

from cofactor.argument_names import check_arguments
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split, join_parts
from cofactor.data.splitting.validation_split import hold_out_validation, keep_all
from cofactor.data.tables.given_ratings import RatingsLike, as_ratings
from cofactor.data.tables.html_table import html_table
from cofactor.data.tables.svg_curves import svg_curves
from cofactor.errors import BadHyperparameter, TrainingDiverged, check_path
from cofactor.models.base import Model
from cofactor.models.interactions.interaction_model import InteractionModel
from cofactor.models.scoring import Provenance
from cofactor.training.checkpoint import CheckpointFolder
from cofactor.training.early_stopping import check_patience, early_stopping
from cofactor.training.epoch import TrainerProtocol, WarmStart
from cofactor.training.loop import OnEpoch, TrainingLoop
from cofactor.training.rating_checks import check_kind, check_ratings_vary, check_training_ratings
from cofactor.training.resume import Checkpointer, FolderCheckpointer, NoCheckpoint, describe_training
from cofactor.training.tracking.epoch_row import COLUMNS, EpochRow, RowWriter
from cofactor.training.tracking.progress import NoProgress, ProgressDisplay, choose_display
from cofactor.training.tracking.tracker import RunDescription, Tracker
from cofactor.training.warm_start import StartingModels, WarmStartSource

MAX_CURVE_EPOCHS = 1_000  # in the manifest of a saved model


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained model, and how its training went."""

    model: Model
    best_epoch: int  # from 1; the model is that of this epoch, or is refitted for as many epochs
    history: Sequence[EpochRow] = field(repr=False)  # the metrics of each epoch, without those of a refit
    seconds: float  # of training, refit and earlier runs included
    interrupted: bool = False  # by Ctrl-C; the model is the best until then
    diverged: bool = False  # an epoch was not finite; the model is the best before it
    refitted: bool = False
    started_from: dict[str, dict[str, str]] = field(default_factory=dict)  # models of a warm start, and their digests
    note: str | None = None  # how the ratings were used, see `Trainer.training_note`

    def __repr__(self) -> str:
        ended = "interrupted, " if self.interrupted else "diverged, " if self.diverged else ""
        return f"<fit of {self.model!r}: epoch {self.best_epoch} of {len(self.history)}, {ended}{self.seconds:.1f} s>"

    def _repr_html_(self) -> str:
        columns = {name: [row.by_column()[name] for row in self.history] for name in COLUMNS}
        curve = self.learning_curve()
        curves = {name: [one[name] for one in curve["curve"]] for name in ("train", "validation")}
        shown = {name: column for name, column in columns.items() if any(cell is not None for cell in column)}
        return "".join([f"<p>{escape(repr(self))}</p>", svg_curves(curves), html_table(shown)])

    def notes(self) -> dict[str, Any]:
        """What `cofactor train` saves about a training with its model, for `cofactor.save(fit.model, path, **…)`."""
        return {
            "best_epoch": self.best_epoch,
            "fit_seconds": round(self.seconds, 3),
            "refitted": self.refitted,
            "started_from": self.started_from,
            **({} if self.note is None else {"note": self.note}),
            **self._interaction_weights(),
            **self.learning_curve(),
        }

    def _interaction_weights(self) -> dict[str, Any]:
        """Which values are positives, and the unit of counts; only what the data or the user chose."""
        if not isinstance(self.model, InteractionModel):
            return {}
        used = {name: value for name, value in asdict(self.model.interaction_weights).items() if value is not None}
        return {"interaction_weights": used} if used else {}

    def learning_curve(self) -> dict[str, Any]:
        """`curve`: train RMSE and validation metric by epoch; `curve_metric`: which metric that is, RMSE or NDCG@10.

        Of more than 1,000 epochs, about 1,000 at equal distances, and the best one.
        """
        ranked = any(row.validation_ndcg is not None for row in self.history)
        every = -(-len(self.history) // (MAX_CURVE_EPOCHS - 1)) or 1  # leaves room for the best
        rows = [row for i, row in enumerate(self.history) if i % every == 0 or row.epoch == self.best_epoch]
        curve = [
            {
                "epoch": row.epoch,
                "train": row.train_rmse,
                "validation": row.validation_ndcg if ranked else row.validation_rmse,
            }
            for row in rows
        ]
        return {"curve": curve, "curve_metric": "NDCG@10" if ranked else "RMSE"}


@check_arguments()
def fit(
    trainer: TrainerProtocol,
    split: Split | RatingsLike,
    *,
    patience: int = 3,
    refit: bool | Ratings = False,
    checkpoint: Path | str | None = None,
    resume: bool = False,
    warm_start: WarmStartSource | None = None,
    trackers: Sequence[Tracker] = (),
    progress: bool | ProgressDisplay | None = None,
    handle_interrupts: bool = False,
    on_epoch: OnEpoch | None = None,
    data: str | None = None,
) -> Fit:
    """Trains on the train part of a split, and chooses the epoch on its validation part; or trains on all ratings.

    split: or Ratings, a data frame, a sparse matrix or a path, which are all trained on, as for a model that is
        served: a random tenth of them chooses the epoch, and then the training is repeated with all (`refit=ratings`).
        A closed form is fitted once.
    patience: epochs without a new best on the validation part after which training ends.
    refit: then trains once more, on both parts or on the ratings given here, for as many epochs as were best.
    checkpoint: folder in which the state is saved after each epoch. resume: continues from the checkpoint, where there
        is one; the result is that of a training without interruption, bit for bit.
    warm_start: a model, or the folder of a saved one, to start from instead of random numbers; a mapping where the
        trainer starts from several (see its `starts`).
    trackers: record the epochs (see `cofactor.training.tracking`). progress: True shows a table of
        them on stderr, False nothing, and None a bar where a person looks on, in a terminal or a notebook.
    handle_interrupts: the first Ctrl-C lets the first epoch finish (see `TrainingLoop`).
    on_epoch: called with each epoch and its metrics. data: name of the data set in the records; by default that of the
        ratings.

    A KeyboardInterrupt, or an epoch that diverges, ends the training and keeps the best epoch so far; a model that is
    interrupted or has diverged is not refitted.

    Raises BadData for an empty train part, and where the trainer predicts ratings and the values are counts, pairs or
    ratings that are all equal, BadHyperparameter for a patience below 1 and for a warm start of a training on all
    ratings, whose validation part the model may have learned, TrainingDiverged where no epoch is
    finite, SplitMismatch for a warm start that has learned validation or test ratings, BadArtifact for a checkpoint
    that is damaged, belongs to another training, exists without `resume` or cannot be written, and InUse where another
    training writes to its folder.
    """
    check_trainer(trainer)
    if not isinstance(split, Split):
        ratings = as_ratings("split", split, "cofactor.split makes a Split, and cofactor.read Ratings of a table")
        split, refit = keep_all(ratings) if trainer.one_step else hold_out_validation(ratings), ratings
    check_patience(patience)
    if not isinstance(trackers, Sequence) or not all(hasattr(one, "open") for one in trackers):
        hint = "give a list of trackers: trackers=[cofactor.CsvTracker(path)]"
        raise BadHyperparameter(f"trackers is of type {type(trackers).__name__}", hint)
    if checkpoint is not None:
        check_path(checkpoint, "checkpoint")
    if resume and checkpoint is None:
        raise BadHyperparameter("resume is set without a checkpoint", "name the folder of the checkpoint")
    if warm_start is not None and isinstance(refit, Ratings):
        hint = "the ratings that choose the epoch may be ratings that it has learned: train from scratch"
        raise BadHyperparameter("a training on all ratings cannot start from a model", hint)
    check_kind(trainer, split.train)
    check_ratings_vary(trainer, *split.parts.values())
    starting = StartingModels.of(warm_start)
    starting.check_split(split)
    display = choose_display(progress)
    train, validation = split.train, split.validation if len(split.validation) else None
    at_once = isinstance(refit, Ratings) and trainer.one_step
    if isinstance(refit, Ratings) and at_once:
        train, validation, refit = refit, None, False
    with ExitStack() as reserved:
        checkpointer: Checkpointer = NoCheckpoint(trainer, train)
        if checkpoint is not None:
            folder = Path(checkpoint)
            reserved.enter_context(CheckpointFolder(folder).reserve(resume=resume))
            parts = [part for part in (train, validation) if part is not None]
            training = describe_training(trainer, parts, patience=patience, **starting.digests())
            checkpointer = FolderCheckpointer(trainer, train, folder, training, resume)
        if (status := checkpointer.status()) is not None:
            display.inform(status)
        origin = train.origin
        name = data or (origin.name if origin else "data")
        run = RunDescription(checkpointer.run_name(), trainer.name, trainer.settings(), name, split.fingerprint)
        fitted = fit_ratings(
            trainer,
            train,
            validation,
            patience=patience,
            refit=refit,
            warm_start=starting.warm_start,
            checkpointer=checkpointer,
            display=display,
            writers=[tracker.open(run) for tracker in trackers],
            handle_interrupts=handle_interrupts,
            on_epoch=on_epoch,
        )
    return replace(fitted, started_from=starting.provenance(), refitted=fitted.refitted or at_once)


def check_trainer(trainer: object) -> None:
    """Raises BadHyperparameter where the trainer is a class or a name instead of an instance."""
    if isinstance(trainer, type):
        raise BadHyperparameter(f"trainer is the class {trainer.__name__}", f"make an instance: {trainer.__name__}()")
    if not hasattr(trainer, "epochs"):
        hint = "give an instance of a trainer, such as cofactor.SVD(rank=32)"
        raise BadHyperparameter(f"trainer is of type {type(trainer).__name__}", hint)


def fit_ratings(
    trainer: TrainerProtocol,
    train: Ratings,
    validation: Ratings | None,
    *,
    patience: int = 3,
    refit: bool | Ratings = False,
    warm_start: WarmStart | None = None,
    checkpointer: Checkpointer | None = None,
    display: ProgressDisplay | None = None,
    writers: Sequence[RowWriter] = (),
    handle_interrupts: bool = False,
    on_epoch: OnEpoch | None = None,
    validate_single_epoch: bool = False,
    measure_objective: bool = True,
) -> Fit:
    """Trains on ratings that need not be parts of a split, and chooses the epoch on `validation`, see `fit`.

    validate_single_epoch: see `early_stopping`; measure_objective: see `record_epochs`.

    A trainer that only ranks chooses the epoch by the positives of `validation`, see `Trainer.select_positives`.

    Raises SplitMismatch where `validation` is the test part of a split, or holds a rating of `train`, and BadData where
    the trainer predicts ratings and the values are counts or pairs.
    """
    check_patience(patience)
    check_training_ratings(train, validation)
    check_kind(trainer, train)
    started = time.perf_counter()
    saved = checkpointer or NoCheckpoint(trainer, train)
    note = trainer.training_note(train)
    if note is not None and display is not None:
        display.inform(f"note: {note}")
    targets = None if validation is None else trainer.select_positives(train, validation)
    loop = TrainingLoop(
        saved,
        display or NoProgress(),
        handle_interrupts=handle_interrupts,
        on_epoch=on_epoch,
        measure_objective=measure_objective,
    )
    epochs = early_stopping(
        saved.epochs(warm_start), targets, patience, saved.lowest, saved.waited, validate_single_epoch
    )
    best = loop.run(epochs, trainer.name, *writers)
    fitted = Fit(best.model, best.epoch.number, loop.rows, 0.0, loop.interrupted, loop.diverged, note=note)
    seconds = saved.seconds
    if refit is True and validation is not None:
        refit = join_parts(train, validation)
    if isinstance(refit, Ratings) and loop.finished:
        saved = saved.for_refit(refit, fitted.best_epoch)
        fitted = _refit(fitted, saved, loop, warm_start)
        seconds += saved.seconds
    model = fitted.model.with_provenance(Provenance(trainer.name, trainer.settings(), fitted.best_epoch))
    return replace(fitted, model=model, seconds=seconds + time.perf_counter() - started)


def _refit(chosen: Fit, checkpointer: Checkpointer, first: TrainingLoop, warm_start: WarmStart | None) -> Fit:
    """The model of as many epochs on the ratings of the checkpointer, or the chosen one where that fails."""
    loop = TrainingLoop(
        checkpointer,
        first.display,
        handle_interrupts=first.handle_interrupts,
        measure_objective=not isinstance(first.display, NoProgress),  # only the display shows it
    )
    epochs = islice(checkpointer.epochs(warm_start), chosen.best_epoch - len(checkpointer.rows))
    model = chosen.model
    with suppress(TrainingDiverged):
        try:
            model = loop.run(early_stopping(epochs, None), f"{checkpointer.trainer.name}, refitting").model
        except KeyboardInterrupt:
            if loop.handle_interrupts:  # it is the second one
                raise
    if not loop.finished:
        return replace(chosen, interrupted=loop.interrupted, diverged=loop.diverged)
    return replace(chosen, model=model, refitted=True)
