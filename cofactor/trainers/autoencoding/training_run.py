"""The training of an autoencoder under way: batches, steps, what they cost, and the models along the way."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array
from cofactor.data.ratings import Ratings, make_csr
from cofactor.errors import BadArtifact, BadHyperparameter, TrainingDiverged
from cofactor.models.autoencoder import AutoencoderModel
from cofactor.models.base import Model
from cofactor.models.baseline import BaselineModel
from cofactor.models.networks.layers import Layers
from cofactor.models.sparse import with_values
from cofactor.trainers.autoencoding.build_models import of_items, of_users, ranking
from cofactor.trainers.autoencoding.masked_product import Kernels, Products
from cofactor.trainers.autoencoding.network import Coder
from cofactor.trainers.autoencoding.optimizers import moments, optimiser_of, restore
from cofactor.trainers.baseline import Baseline
from cofactor.trainers.factorization.rating_unit import unit_of
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.snapshot import HINT, check_arrays
from cofactor.training.warm_start import check_same_split

if TYPE_CHECKING:
    import torch

    from cofactor.trainers.autoencoder import Autoencoder

LEAST_BATCHES = 16  # of an epoch: small data needs steps too
DENSE_CELLS = 1 << 23  # of a batch's dense outputs held at a time: 32 MiB, several times over


class Course:
    """Training under way."""

    def __init__(self, trainer: "Autoencoder", ratings: Ratings, products: Products, device: "torch.device") -> None:
        self.trainer, self.ratings, self.products, self.device = trainer, ratings, products, device
        self.ranks = trainer.loss == "multinomial"
        self.unit = 1.0 if self.ranks else unit_of(ratings.scale)
        self.baseline = _baseline(trainer, ratings)
        self.presence = 0.0 if self.ranks else trainer.presence
        self.table = self._table()
        counts = np.diff(self.table.indptr)
        self.rated = np.flatnonzero(counts)
        self.counts = np.bincount(self.table.indices, minlength=self.table.shape[1])  # n_c
        rng, length = np.random.default_rng(trainer.seed), 1.0 if self.ranks else counts[self.rated].mean()
        shape = self.table.shape[1], trainer.widths, trainer.activation, trainer.tied, length
        self.coder = Coder(*shape, rng, products, device)
        self.optimiser = optimiser_of(trainer.optimiser, list(self.coder.parameters.values()), trainer.learning_rate)
        self.pulls = self._pulls()

    def _table(self) -> csr_array:
        """The rows: of ratings in units less the baseline, or where the model only ranks of |R(u)|^-½."""
        ratings = self.ratings
        if self.ranks:
            table, counts = ratings.by_user(), ratings.training_data.user_counts
            table.data = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
            return table
        residual = (ratings.value - self.baseline.pair_scores(ratings.user, ratings.item)) / np.float32(self.unit)
        shape = len(ratings.users), len(ratings.items)
        if self.trainer.rows == "users":
            return make_csr(ratings.user, ratings.item, residual, shape)
        return make_csr(ratings.item, ratings.user, residual, shape[::-1])

    def _pulls(self) -> "torch.Tensor":
        """(n, 1) 2 λ √n_c / n: the pull of a column's weights at each step."""
        import torch

        pulls = (2 * self.trainer.l2 * np.sqrt(self.counts) / self.table.nnz).astype(np.float32)[:, None]
        return torch.from_numpy(pulls).to(self.device)

    def start_from(self, resume: Snapshot | None, warm_start: WarmStart | None) -> int:
        """The number of the epoch after which training goes on."""
        if resume is not None:
            check_arrays(resume, self._stepped(), self.trainer.name)
            if not np.array_equal(resume.arrays["sizes"], self._sizes()):
                raise BadArtifact(f"{self.trainer.name} cannot go on from a snapshot of other ratings", HINT)
            self.coder.put(resume.arrays)
            restore(self.optimiser, self.coder.parameters, resume.arrays)
            return resume.number
        if warm_start is not None:
            self.coder.take(self._layers_to_start_from(warm_start))
        return 0

    def epoch(self, number: int) -> Epoch:
        """One pass over the rows."""
        import torch

        torch.set_num_threads(1)  # whatever ran between two epochs may have set it to more: evaluating does
        rng = np.random.default_rng((self.trainer.seed, number))
        batches = list(self._batches(rng.permutation(self.rated)))
        total, before = 0.0, self._penalty()
        for place, rows in enumerate(batches):
            progress = (number - 1 + place / len(batches)) / self.trainer.n_epochs
            rate = self.trainer.learning_rate * (1 - progress if self.trainer.schedule == "linear" else 1)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            total += self._step(rows, rng)
        fit = total / self.table.nnz
        if not np.isfinite(fit):
            message = f"{self.trainer.name}: the errors grew without bound in epoch {number}"
            raise TrainingDiverged(message, f"lower the learning rate, now {self.trainer.learning_rate:g}")
        rmse = None if self.ranks else self.unit * float(np.sqrt(fit))
        loss = fit + (before + self._penalty()) / 2
        made = partial(self._model, self.coder.layers())
        return Epoch(number, self.trainer.n_epochs, made, rmse, rate, loss, self._state)

    def _batches(self, order: Array) -> Iterator[Array]:
        size = max(1, min(self.trainer.batch_size, -(-len(order) // LEAST_BATCHES)))
        return (order[start : start + size] for start in range(0, len(order), size))

    def _step(self, rows: Array, rng: np.random.Generator) -> float:
        """One step on a batch of rows; returns what their cells cost, without penalties."""
        parts = list(self._parts(rows))
        cost = 0.0
        for part in parts:
            cells = self.table[part]
            one = self._cost(cells, self._inputs(cells, rng))
            (one * (len(self.rated) / len(rows) / self.table.nnz)).backward()
            cost += float(one.detach())
        self._move()
        if self.trainer.refeed:
            for part in parts:
                self._refed(self._inputs(self.table[part]), len(part) / len(rows)).backward()  # type: ignore[no-untyped-call]
            self._move()
        return cost

    def _parts(self, rows: Array) -> Iterator[Array]:
        """The rows of a batch whose gradients are added up one after the other, where dense outputs are made."""
        dense = self.ranks or self.trainer.refeed or not isinstance(self.products, Kernels)
        size = max(1, DENSE_CELLS // self.table.shape[1]) if dense else len(rows)
        return (rows[start : start + size] for start in range(0, len(rows), size))

    def _inputs(self, cells: csr_array, rng: np.random.Generator | None = None) -> csr_array:
        """What goes in for the cells of some rows; with a generator, less what is dropped."""
        values, dropout = cells.data + np.float32(self.presence), self.trainer.dropout
        if rng is None or dropout == 0:
            return with_values(cells, values)
        kept = rng.random(cells.nnz, dtype=np.float32) >= dropout
        starts = np.append(0, np.cumsum(kept))[cells.indptr].astype(cells.indptr.dtype)
        values = values[kept] * np.float32(1 / (1 - dropout))
        return csr_array((values, cells.indices[kept], starts), shape=cells.shape)

    def _cost(self, cells: csr_array, inputs: csr_array) -> "torch.Tensor":
        """Σ (target - output)², or -Σ log π, over the cells."""
        import torch

        codes = self.coder.codes(inputs)
        if not self.ranks:
            targets = torch.from_numpy(cells.data).to(self.device)
            squares: torch.Tensor = ((targets - self.coder.at_cells(codes, cells)) ** 2).sum()
            return squares
        logits, counts = self.coder.everywhere(codes), np.diff(cells.indptr).astype(np.float32)
        lengths = torch.from_numpy(counts).to(self.device)
        return lengths @ torch.logsumexp(logits, 1) - self.coder.at_cells(codes, cells).sum()

    def _refed(self, inputs: csr_array, share: float) -> "torch.Tensor":
        """The mean squared change of the dense output when it is fed back."""
        import torch

        with torch.no_grad():
            output = self.coder.everywhere(self.coder.codes(inputs))
        again: torch.Tensor = share * ((self.coder.everywhere(self.coder.codes(output)) - output) ** 2).mean()
        return again

    def _move(self) -> None:
        """Adds the penalty's gradient, steps, and forgets the gradients."""
        for table in self.coder.tables:
            assert table.grad is not None
            table.grad.addcmul_(table.detach(), self.pulls)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def _penalty(self) -> float:
        """λ Σ_c √n_c (|w_c|² + |v_c|²) / n."""
        tables = (table.detach() for table in self.coder.tables)
        return sum(float((table**2).sum(1) @ self.pulls[:, 0]) for table in tables) / 2

    def _model(self, layers: Layers) -> Model:
        """Of a copy of the layers, which is its own."""
        trainer, ratings, base = self.trainer, self.ratings, self.baseline
        if self.ranks:
            return ranking(ratings, layers)
        if trainer.rows == "users":
            return of_users(ratings, layers, base, self.presence, self.unit)
        inputs = with_values(self.table, self.table.data + np.float32(self.presence))
        return of_items(ratings, layers, base, inputs, self.unit, trainer.l2)

    def _stepped(self) -> Mapping[str, Array]:
        """The arrays of a state: the optimiser has them after a first step, of a slope of 0."""
        for parameter in self.coder.parameters.values():
            parameter.grad = parameter.new_zeros(parameter.shape)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return self._state()

    def _state(self) -> Mapping[str, Array]:
        return self.coder.arrays() | moments(self.optimiser, self.coder.parameters) | {"sizes": self._sizes()}

    def _sizes(self) -> Array:
        """Rows, columns and cells of the table: no shape of the parameters tells how many rows there were."""
        return np.array([*self.table.shape, self.table.nnz])

    def _layers_to_start_from(self, model: object) -> Layers:
        """Raises BadHyperparameter for anything but a model of the same layers, SplitMismatch for another split."""
        trainer = self.trainer
        if not isinstance(model, AutoencoderModel) or trainer.rows != "users" or (model.scale is None) != self.ranks:
            what = f"a {model.kind} model" if isinstance(model, Model) else "that"
            hint = "start from an autoencoder of users with the same loss"
            raise BadHyperparameter(f"{trainer.name} of {trainer.rows} cannot start from {what}", hint)
        check_same_split(model, self.ratings)
        layers, mine = model.layers, self.coder.layers()
        if [w.shape for w in layers.weights] != [w.shape for w in mine.weights]:
            there = ",".join(str(len(weight)) for weight in layers.weights[:-1])
            message = f"{trainer.name}: layers are {trainer.layers}, those of the model to start from {there}"
            raise BadHyperparameter(message, f"use --layers {there}")
        unit = np.float32(self.unit)
        weights = layers.weights[0] * unit, *layers.weights[1:-1], layers.weights[-1] / unit
        return Layers(weights, (*layers.biases[:-1], layers.biases[-1] / unit), layers.activations)


def _baseline(trainer: "Autoencoder", ratings: Ratings) -> BaselineModel:
    model = Baseline(trainer.user_l2, trainer.item_l2).fit(ratings)
    assert isinstance(model, BaselineModel)
    return model
