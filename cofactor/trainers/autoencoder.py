"""Autoencoders of users or items: neural networks that reconstruct a row of the rating table."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array
from cofactor.data.kind import Kind
from cofactor.data.ratings import Ratings
from cofactor.errors import BadArtifact, BadHyperparameter
from cofactor.models.base import Model
from cofactor.models.baseline import BaselineModel
from cofactor.models.interactions.interaction_weights import InteractionWeights
from cofactor.models.networks.layers import Layers
from cofactor.trainers.autoencoding.autoencoder_network import AutoencoderNetwork
from cofactor.trainers.autoencoding.build_models import item_model, ranking_model, user_model
from cofactor.trainers.autoencoding.masked_product import DenseProducts, MaskedProducts, SparseProducts
from cofactor.trainers.autoencoding.optimizers import load_optimizer_arrays, make_optimizer, optimizer_arrays
from cofactor.trainers.autoencoding.rating_table import RatingTable, normalised_cells, residual_cells
from cofactor.trainers.autoencoding.warm_start import check_autoencoder, layers_in_units
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.trainers.baseline import fit_baseline
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.trainers.interactions.interaction_trainer import InteractionTrainer, positive_weights
from cofactor.training.epoch import Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, Choices, SearchRange
from cofactor.training.learning_rate import SCHEDULES
from cofactor.training.optimizer import OptimizerSettings
from cofactor.training.row_thread_pool import RowThreadPool, useful_threads
from cofactor.training.snapshot import HINT, check_arrays
from cofactor.training.state import EpochMetrics, TrainingState
from cofactor.training.torch_device import training_device

if TYPE_CHECKING:
    import torch

ADAM_BETA2 = 0.99  # where the source of Adam has 0.999
DENSE_CELLS = 1 << 23  # of a batch's dense outputs held at a time: 32 MiB, several times over
WORTH_A_THREAD = 2_000_000  # ratings × width from which a second thread gains more than it costs


@dataclass(frozen=True)
class Autoencoder(InteractionTrainer, IterativeTrainer):
    """r̂ = μ + b_u + b_i + f(x), f: a network that maps a row of the table of ratings to a row, the minimum of

        Σ (r_ui - r̂_ui)² + λ Σ_c √n_c (|w_c|² + |v_c|²)      the first sum over the training ratings alone

    by steps on batches of rows, with dropped inputs while it learns and all of them when it predicts.

    A row is a user's ratings of all items (`--rows users`) or an item's by all users (`--rows items`); x: in its rated
    cells a + r_ui - μ - b_u - b_i, elsewhere 0, so that a, the `presence`, says that they are rated; c: a column, rated
    n_c times, w_c and v_c its weights in the first and the last layer; μ + b_u + b_i: the regularised baseline (see
    Baseline). Ratings are learned in units of a quarter of their scale, as `svd` does. The input is multiplied by the
    first layer, and the codes by the last, at the rated cells alone; no table of users × items is ever made.

    `--loss multinomial` ranks instead of predicting: rows are users, x_ui = √(w_ui / Σ_i w_ui), and what is made as
    small as possible is -Σ w_ui log π_ui, π_u the softmax of f(x_u) over all items, with the same penalty. w_ui is 1 at
    the positives, which are the values from `positive_from` on, or of a count its `count_weight`, by default ½ + ½
    log₂(1 + r_ui / ε). `--refeed` follows each step with one on f's own dense output, as input and as target
    (re-feeding).

    Of items it leaves a FactorModel: r̂_ui is the dot product of v_u and the code of the item's row, which is computed
    once, at the end. New users are folded in by ridge regression on the codes. Of users it leaves an AutoencoderModel,
    for which a new user is like any other.
    Cold start: a user or an item without training ratings has a bias and an output of 0, which leaves the baseline.
    Source: S. Sedhain, A. Menon, S. Sanner, L. Xie, "AutoRec: Autoencoders Meet Collaborative Filtering", WWW 2015,
    equations 1 and 2 (there without √n_c, on ratings that are not centred, so without a); O. Kuchaiev, B. Ginsburg,
    "Training Deep AutoEncoders for Collaborative Filtering", 2017, equation 1 and section 2.3; D. Liang, R. Krishnan,
    M. Hoffman, T. Jebara, "Variational Autoencoders for Collaborative Filtering", WWW 2018, section 2.3 (Mult-DAE).

    Raises BadData for no ratings, or no positives to rank by, Unavailable without PyTorch, and BadHyperparameter where
    the errors overflow.
    """

    name: ClassVar[str] = "autoencoder"
    family: ClassVar[Family] = "networks"

    rows: Annotated[Literal["items", "users"], "rows of the rating table that are encoded: items or users"] = "items"
    loss: Annotated[
        Literal["squared", "multinomial"], "loss function: squared predicts ratings, multinomial ranks items"
    ] = "squared"
    layers: Annotated[
        str, "comma-separated widths of the hidden layers, such as 256,128,256", Choices(("64", "128", "256", "512"))
    ] = "256"
    activation: Annotated[
        Literal["sigmoid", "tanh", "selu", "relu", "linear"], "activation function of the hidden layers"
    ] = "sigmoid"
    tied: Annotated[bool, "share the weights of the first half of the layers with the second half"] = False
    dropout: Annotated[
        float, "share of the inputs that are dropped in training", Bounds(low=0, high=0.95), SearchRange(0, 0.8)
    ] = 0.0
    l2: Annotated[
        float,
        "λ, L2 penalty of the weights of the first and last layers",
        Bounds(low=0),
        SearchRange(0.5, 20, log=True),
    ] = 4.0
    presence: Annotated[
        float, "value added to each observed input, on top of the centred rating", SearchRange(0, 2)
    ] = 1.0
    refeed: Annotated[bool, "follow each step with one on the dense output as input and target (dense re-feeding)"] = (
        False
    )
    optimiser: Annotated[
        Literal["adam", "rmsprop", "momentum", "sgd"], "optimizer; adam has β₁ = 0.9 and β₂ = 0.99"
    ] = "adam"
    learning_rate: Annotated[
        float, "learning rate of the first step", Bounds(low=0), SearchRange(2e-4, 1e-2, log=True)
    ] = 0.002
    schedule: Annotated[Literal["linear", "constant"], "learning rate schedule: linear falls to 0"] = "linear"
    batch_size: Annotated[
        int,
        "maximum number of rows in a batch; an epoch has at least 16 batches",
        Bounds(low=1),
        SearchRange(64, 1024, log=True),
    ] = 256
    n_epochs: Annotated[
        int, "number of epochs, which are passes over the rows", Bounds(low=1), SearchRange(5, 60, log=True)
    ] = 20
    user_l2: Annotated[
        float, "shrinkage of a user's bias, as a number of ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 5.0
    item_l2: Annotated[
        float, "shrinkage of an item's bias, as a number of ratings", Bounds(low=0), SearchRange(1, 30, log=True)
    ] = 3.0
    seed: Annotated[int, "random seed for the initial weights, the order of the rows and dropout", Bounds(low=0)] = 0
    threads: Annotated[int, "number of threads, 0 for one per core; it does not change the result", Bounds(low=0)] = 0
    device: Annotated[Literal["cpu", "cuda"], "device to train on"] = "cpu"

    def __post_init__(self) -> None:
        super().__post_init__()
        widths = self.layers.split(",")
        if not all(one.strip().isdecimal() and 1 <= int(one) <= 65536 for one in widths):
            message = f"{self.name}: layers is {self.layers[:60]!r}"
            raise BadHyperparameter(message, "it is a list of widths such as 256,128,256")
        if self.tied and self.widths != self.widths[::-1]:
            message = f"{self.name}: tied layers of widths {self.layers} are not their own mirror image"
            raise BadHyperparameter(message, "tie 256,128,256 or a single layer")
        if self.loss == "multinomial" and (self.rows != "users" or self.refeed):
            what = "rows are items" if self.rows != "users" else "outputs are fed back"
            raise BadHyperparameter(f"{self.name}: the loss is multinomial and {what}", "use --rows users, no --refeed")
        if self.positive_from is not None and not self.ranks:
            hint = "use --loss multinomial --rows users, or leave positive_from out"
            raise BadHyperparameter(f"{self.name}: positive_from has no effect on the loss squared", hint)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the hidden layers."""
        return tuple(int(one) for one in self.layers.split(","))

    @property
    def ranks(self) -> bool:
        """Whether the model only ranks."""
        return self.loss == "multinomial"

    def only_ranks(self, kind: Kind) -> bool:
        return self.ranks

    def select_positives(self, train: Ratings, held_out: Ratings) -> Ratings:
        return super().select_positives(train, held_out) if self.ranks else held_out

    def training_note(self, ratings: Ratings) -> str | None:
        return super().training_note(ratings) if self.ranks else None

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState


class _TrainingState(TrainingState[Autoencoder]):
    """The network, its optimizer and the table of ratings."""

    def __init__(self, trainer: Autoencoder, ratings: Ratings, resources: ExitStack) -> None:
        # one thread of PyTorch: how it splits a product of matrices among several may change the last bit
        self.device = resources.enter_context(training_device(trainer.name, trainer.device, 1))
        self.trainer, self.ratings, self.n_epochs = trainer, ratings, trainer.n_epochs
        self.unit = 1.0 if trainer.ranks else rating_unit(ratings.scale)
        self.interaction_weights = trainer.interaction_weights(ratings) if trainer.ranks else InteractionWeights()
        self.table = self._make_table()
        self.products = self._products(resources)
        length = 1.0 if trainer.ranks else self.table.row_counts[self.table.rated_rows].mean()
        shape = self.table.cells.shape[1], trainer.widths, trainer.activation, trainer.tied, length
        self.network = AutoencoderNetwork(*shape, np.random.default_rng(trainer.seed), self.products, self.device)
        settings = OptimizerSettings(trainer.optimiser, adam_beta2=ADAM_BETA2)
        self.optimizer = make_optimizer(settings, list(self.network.parameters.values()), trainer.learning_rate)
        self.penalties = self._penalties()

    @cached_property
    def baseline(self) -> BaselineModel:
        """μ, b_u and b_i, of a model that predicts ratings."""
        return fit_baseline(self.ratings, self.trainer.user_l2, self.trainer.item_l2)

    def _make_table(self) -> RatingTable:
        trainer, ratings = self.trainer, self.ratings
        if trainer.ranks:
            positives = positive_weights(ratings, self.interaction_weights)
            return RatingTable(normalised_cells(positives), 0.0, positives)
        return RatingTable(residual_cells(ratings, self.baseline, self.unit, trainer.rows), trainer.presence)

    def _products(self, resources: ExitStack) -> MaskedProducts:
        if self.device.type != "cpu":
            return DenseProducts(self.device)
        work = len(self.ratings) * self.trainer.widths[0]
        n_threads = useful_threads(self.trainer.threads, work, WORTH_A_THREAD)
        return SparseProducts(resources.enter_context(RowThreadPool(n_threads)))

    def _penalties(self) -> "torch.Tensor":
        """(n_columns, 1) 2 λ √n_c / n: the gradient of the penalty of a column's weights, as a factor of them."""
        import torch

        factors = 2 * self.trainer.l2 * np.sqrt(self.table.column_counts) / self.table.cells.nnz
        return torch.from_numpy(factors.astype(np.float32)[:, None]).to(self.device)

    @classmethod
    def init(cls, trainer: Autoencoder, ratings: Ratings, resources: ExitStack) -> Self:
        return cls(trainer, ratings, resources)

    @classmethod
    def from_model(cls, trainer: Autoencoder, ratings: Ratings, resources: ExitStack, model: WarmStart) -> Self:
        start = check_autoencoder(model, trainer.name, trainer.rows, trainer.ranks, ratings)
        state = cls(trainer, ratings, resources)
        state.network.load_layers(layers_in_units(start, state.network.layers(), state.unit, trainer.name))
        return state

    @classmethod
    def from_snapshot(cls, trainer: Autoencoder, ratings: Ratings, resources: ExitStack, snapshot: Snapshot) -> Self:
        state = cls(trainer, ratings, resources)
        check_arrays(snapshot, state._arrays_after_step(), trainer.name)
        if not np.array_equal(snapshot.arrays["sizes"], state.table.sizes):
            raise BadArtifact(f"{trainer.name} cannot resume from a snapshot of other ratings", HINT)
        state.network.load_arrays(snapshot.arrays)
        load_optimizer_arrays(state.optimizer, state.network.parameters, snapshot.arrays)
        return state

    def step(self, number: int) -> EpochMetrics:
        """One pass over the rows; the RMSE is that of the noisy inputs' outputs, each before its batch's step."""
        import torch

        torch.set_num_threads(1)  # whatever ran between two epochs may have set it to more: evaluating does
        trainer, rng = self.trainer, np.random.default_rng((self.trainer.seed, number))
        batches = list(self.table.batches(rng, trainer.batch_size))
        loss, penalty_before, rate = 0.0, self._penalty(), trainer.learning_rate
        for place, rows in enumerate(batches):
            done = (number - 1 + place / len(batches)) / self.n_epochs
            rate = trainer.learning_rate * SCHEDULES[trainer.schedule](done)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss += self._train_batch(rows, rng)
        per_cell = loss / self.table.cells.nnz
        rmse = None if trainer.ranks else self.unit * float(np.sqrt(per_cell))
        return EpochMetrics(rmse, rate, per_cell + (penalty_before + self._penalty()) / 2)

    def _train_batch(self, rows: Array, rng: np.random.Generator) -> float:
        """One step on a batch of rows; returns the loss of its cells, without penalties."""
        parts, total = list(self._parts(rows)), 0.0
        n_rated, nnz = len(self.table.rated_rows), self.table.cells.nnz
        for part in parts:
            cells = self.table.cells[part]
            loss = self._loss(part, cells, self.table.noisy_inputs(cells, self.trainer.dropout, rng))
            (loss * (n_rated / len(rows) / nnz)).backward()
            total += float(loss.detach())
        self._optimizer_step()
        if self.trainer.refeed:
            for part in parts:
                inputs = self.table.inputs(self.table.cells[part])
                self._dense_refeeding_loss(inputs, len(part) / len(rows)).backward()  # type: ignore[no-untyped-call]
            self._optimizer_step()
        return total

    def _parts(self, rows: Array) -> Iterator[Array]:
        """Parts of a batch whose gradients are summed one after the other where outputs are dense, to bound memory."""
        dense = self.trainer.ranks or self.trainer.refeed or not isinstance(self.products, SparseProducts)
        size = max(1, DENSE_CELLS // self.table.cells.shape[1]) if dense else len(rows)
        return (rows[start : start + size] for start in range(0, len(rows), size))

    def _loss(self, rows: Array, cells: csr_array, inputs: csr_array) -> "torch.Tensor":
        """Σ (target - output)², or -Σ w log π, over the cells of some rows."""
        import torch

        codes = self.network.codes(inputs)
        if not self.trainer.ranks:
            targets = torch.from_numpy(cells.data).to(self.device)
            squares: torch.Tensor = ((targets - self.network.outputs_at(codes, cells)) ** 2).sum()
            return squares
        logits, weights = self.network.all_outputs(codes), self.table.weights[rows]
        totals = torch.from_numpy(weights.sum(axis=1)).to(self.device)
        each = torch.from_numpy(weights.data).to(self.device)
        return totals @ torch.logsumexp(logits, 1) - (each * self.network.outputs_at(codes, cells)).sum()

    def _dense_refeeding_loss(self, inputs: csr_array, share: float) -> "torch.Tensor":
        """The mean squared difference between the dense output and the output for that output as input."""
        import torch

        with torch.no_grad():
            output = self.network.all_outputs(self.network.codes(inputs))
        change = self.network.all_outputs(self.network.codes(output)) - output
        loss: torch.Tensor = share * (change**2).mean()
        return loss

    def _optimizer_step(self) -> None:
        """Adds the penalty's gradient, takes a step, and clears the gradients."""
        for table in self.network.tables:
            assert table.grad is not None
            table.grad.addcmul_(table.detach(), self.penalties)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _penalty(self) -> float:
        """λ Σ_c √n_c (|w_c|² + |v_c|²) / n."""
        tables = (table.detach() for table in self.network.tables)
        return sum(float((table**2).sum(1) @ self.penalties[:, 0]) for table in tables) / 2

    def to_model(self) -> Callable[[], Model]:
        return partial(self._build_model, self.network.layers())

    def _build_model(self, layers: Layers) -> Model:
        trainer, ratings, table = self.trainer, self.ratings, self.table
        if trainer.ranks:
            return ranking_model(ratings, layers, self.interaction_weights)
        if trainer.rows == "users":
            return user_model(ratings, layers, self.baseline, table.observed_offset, self.unit)
        return item_model(ratings, layers, self.baseline, table.inputs(table.cells), self.unit, trainer.l2)

    def state_dict(self) -> dict[str, Array]:
        network = self.network
        optimizer = optimizer_arrays(self.optimizer, network.parameters)
        return network.arrays() | optimizer | {"sizes": self.table.sizes}

    def _arrays_after_step(self) -> dict[str, Array]:
        """What a snapshot holds: the optimizer has its arrays after a first step, here with a gradient of 0."""
        for parameter in self.network.parameters.values():
            parameter.grad = parameter.new_zeros(parameter.shape)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return self.state_dict()
