"""The loop that makes epochs of a training state, and what trainers share: threads, optimizers, schedules."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pytest

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadData, BadHyperparameter, TrainingDiverged
from cofactor.kernels.sparse_rows import to_sparse_rows
from cofactor.models.base import Model
from cofactor.trainers import TRAINERS
from cofactor.trainers.base import IterativeTrainer
from cofactor.trainers.ease import EASE
from cofactor.trainers.popularity import Popularity
from cofactor.training.epoch import Epoch, Snapshot
from cofactor.training.hyperparameter import Bounds
from cofactor.training.optimizer import OptimizerSettings
from cofactor.training.row_thread_pool import RowThreadPool, useful_threads
from cofactor.training.state import ArrayState, EpochMetrics, TrainingState
from tests.toys import noise


@dataclass(frozen=True)
class Counting(IterativeTrainer):
    """Adds the number of each epoch to a sum; its metrics are given. Cold start: none."""

    name: ClassVar[str] = "counting"

    n_epochs: Annotated[int, "number of epochs", Bounds(low=1)] = 4
    rmse: ClassVar[Mapping[int, float | None]] = {}
    objective: ClassVar[Mapping[int, Any]] = {}

    def training_state(self) -> type[TrainingState[Any]]:
        return CountingState


class CountingState(ArrayState[Counting]):
    def __init__(self, trainer: Counting, ratings: Ratings, resources: ExitStack) -> None:
        self.trainer, self.ratings, self.n_epochs, self.total = trainer, ratings, trainer.n_epochs, np.zeros(1)
        resources.callback(lambda: closed.append(int(self.total[0])))

    @classmethod
    def init(cls, trainer: Counting, ratings: Ratings, resources: ExitStack) -> Self:
        return cls(trainer, ratings, resources)

    @property
    def arrays(self) -> dict[str, Array]:
        return {"total": self.total}

    def step(self, number: int) -> EpochMetrics:
        self.total += number
        return EpochMetrics(self.trainer.rmse.get(number, 1.0), objective=self.trainer.objective.get(number))

    def to_model(self) -> Model:
        return Popularity().solve(self.ratings)


closed: list[int] = []


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    closed.clear()
    monkeypatch.setattr(Counting, "rmse", {})
    monkeypatch.setattr(Counting, "objective", {})


def test_a_resumed_training_steps_through_the_epochs_that_are_left() -> None:
    epochs = []
    for epoch in Counting().epochs(noise()):
        epochs.append((epoch.number, epoch.n_epochs, epoch.snapshot()))
    assert [(number, n) for number, n, _ in epochs] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [snapshot.arrays["total"].tolist() for *_, snapshot in epochs] == [[1], [3], [6], [10]]
    rest = list(Counting().epochs(noise(), resume=epochs[1][2]))
    assert [epoch.number for epoch in rest] == [3, 4]
    assert rest[-1].snapshot().arrays["total"].tolist() == [10]
    assert list(Counting().epochs(noise(), resume=epochs[3][2])) == []


def test_resources_are_closed_at_the_end_and_when_nobody_wants_more_epochs() -> None:
    list(Counting().epochs(noise()))
    assert closed == [10]
    running = Counting().epochs(noise())
    next(running)
    assert closed == [10]
    running.close()
    assert closed == [10, 1]


def test_a_snapshot_counts_where_there_is_a_warm_start_too() -> None:
    snapshot = Snapshot(3, {"total": np.array([6.0])})
    (last,) = Counting().epochs(noise(), resume=snapshot, warm_start=Popularity().fit(noise()))
    assert last.number == 4
    with pytest.raises(BadHyperparameter, match="counting cannot start from a model"):
        next(Counting().epochs(noise(), warm_start=Popularity().fit(noise())))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "lacks 'total'"),
        ({"total": np.zeros(1), "more": np.zeros(1)}, "has an unknown 'more'"),
        ({"total": np.zeros(2)}, r"'total' is float64 \(2,\), not float64 \(1,\)"),
        ({"total": np.zeros(1, np.float32)}, "'total' is float32"),
        ({"total": np.full(1, np.nan)}, "'total' is not finite"),
        ({"total": np.full(1, np.inf)}, "'total' is not finite"),
    ],
)
def test_a_snapshot_of_other_arrays_is_refused(arrays: dict[str, Array], message: str) -> None:
    with pytest.raises(BadArtifact, match=message) as error:
        next(Counting().epochs(noise(), resume=Snapshot(1, arrays)))
    assert error.value.hint


def test_no_ratings_are_an_error_of_every_trainer_before_anything_else() -> None:
    empty = noise().where(np.zeros(len(noise()), dtype=bool))
    for trainer in (Counting(), *(one() for one in TRAINERS.values())):
        with pytest.raises(BadData, match="no ratings to train on"):
            next(trainer.epochs(empty))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("metric", ["rmse", "objective"])
def test_an_epoch_that_is_not_finite_ends_the_training_after_the_sound_ones(
    metric: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, metric, {3: value})
    sound: list[int] = []
    with pytest.raises(TrainingDiverged, match="counting: the errors grew without bound in epoch 3") as error:
        note_numbers(Counting().epochs(noise()), sound)
    assert sound == [1, 2]
    assert error.value.hint == "raise the penalties", "there is no learning rate to lower"


def note_numbers(epochs: Iterator[Epoch], numbers: list[int]) -> None:
    """Appends the number of each epoch as it comes."""
    numbers.extend(epoch.number for epoch in epochs)


def test_metrics_that_are_not_measured_are_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counting, "rmse", {1: None, 2: None, 3: None, 4: None})
    monkeypatch.setattr(Counting, "objective", {2: lambda: float("nan")})  # computed only where it is asked for
    assert [epoch.train_rmse for epoch in Counting().epochs(noise())] == [None] * 4


# --- threads


def test_a_second_thread_is_for_enough_work() -> None:
    assert [useful_threads(3, work, 100) for work in (0, 99, 100, 101)] == [1, 1, 3, 3]
    assert useful_threads(0, 100, 100) >= 1
    assert useful_threads(1, 100, 100) == 1


@pytest.mark.parametrize("n_threads", [1, 3])
def test_results_of_rows_come_in_their_order(n_threads: int) -> None:
    with RowThreadPool(n_threads) as pool:
        assert pool.map(lambda first, last: (first, last), np.array([0, 2, 2, 7])) == [(0, 2), (2, 2), (2, 7)]
        assert pool.map(lambda first, last: (first, last), [0]) == []
        threads = set(pool.map(lambda first, last: threading.get_ident(), range(5)))
        assert (threads == {threading.get_ident()}) is (n_threads == 1), "a single thread is the calling one"
        with pytest.raises(ZeroDivisionError):
            pool.map(lambda first, last: first // (last - 2), range(4))


# --- optimizers


@pytest.mark.parametrize(
    ("name", "adaptive", "averaging", "beta1", "beta2"),
    [
        ("adam", True, True, 0.8, 0.999),
        ("lazy-adam", True, True, 0.8, 0.999),
        ("rmsprop", True, False, 0.0, 0.99),
        ("momentum", False, False, 0.8, 0.0),
        ("sgd", False, False, 0.0, 0.0),
    ],
)
def test_what_the_name_of_an_optimizer_means(
    name: str, adaptive: bool, averaging: bool, beta1: float, beta2: float
) -> None:
    settings = OptimizerSettings(name, 0.8)
    assert (settings.adaptive, settings.averaging, settings.beta1, settings.beta2) == (
        adaptive, averaging, beta1, beta2
    )  # fmt: skip


def test_the_second_decay_of_adam_is_the_trainers() -> None:
    assert OptimizerSettings("adam", adam_beta2=0.99).beta2 == 0.99
    assert OptimizerSettings("rmsprop", adam_beta2=0.9).beta2 == 0.99


# --- other


def test_a_sparse_matrix_by_row() -> None:
    matrix = noise().by_user()
    rows = to_sparse_rows(matrix)
    assert (rows.starts.dtype, rows.columns.dtype, rows.values.dtype) == (np.int64, np.int32, np.float32)
    for row in (0, 7, 29):
        here = slice(rows.starts[row], rows.starts[row + 1])
        assert rows.columns[here].tolist() == matrix[[row]].indices.tolist()


@pytest.mark.parametrize(("l2", "sound"), [(0.0, False), (1e-4, False), (1.0, True)])
def test_ease_refuses_a_penalty_that_leaves_two_like_items_singular(l2: float, sound: bool) -> None:
    """Two items with the same raters: their rows of the Gram matrix are equal, whatever the others are."""
    users = [str(u) for u in range(200)] * 2
    ratings = Ratings.of(users, ["a"] * 200 + ["b"] * 200, [5.0] * 400)
    if sound:
        weights = EASE(l2=l2).fit(ratings).arrays()["dense"]
        np.testing.assert_allclose(weights[0, 1], 200 / (200 + l2), rtol=1e-4)
    else:
        with pytest.raises(BadHyperparameter, match="cannot be inverted"):
            EASE(l2=l2).fit(ratings)
