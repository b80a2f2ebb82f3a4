"""Bayesian matrix factorisation by Gibbs sampling: no penalties to tune, a standard deviation for each prediction."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from cofactor.arrays import Array, Floats
from cofactor.data.features import Features
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from cofactor.models.posterior import SECONDS_A_DAY, PosteriorModel
from cofactor.trainers.base import Family, IterativeTrainer
from cofactor.trainers.factorization.rating_unit import rating_unit
from cofactor.trainers.gibbs.posterior_samples import PosteriorSample, PosteriorSamples
from cofactor.trainers.gibbs.prior import Prior
from cofactor.trainers.gibbs.sampler import SampledSide
from cofactor.trainers.gibbs.side_information import FeatureBlock
from cofactor.training.epoch import Snapshot
from cofactor.training.hyperparameter import Bounds, Choices, SearchRange
from cofactor.training.row_thread_pool import RowThreadPool, useful_threads
from cofactor.training.state import EpochMetrics, TrainingState

PRIOR_PARTS = "mean", "precision"
WORTH_A_THREAD = 100_000_000  # ratings × width² of a sweep from which a second thread gains more than it costs


@dataclass(frozen=True)
class Bayes(IterativeTrainer):
    """r_ui ~ N(μ + b_u + b_i + P_u · Q_i, 1/α), sampled; r̂ is the mean over the draws.

        P_u = p_u + |R(u)|^-½ Σ_{j∈R(u)} y_j + Σ_f x_uf a_f        b_u = b'_u + Σ_f x_uf a'_f
        Q_i = q_i + |U(i)|^-½ Σ_{v∈U(i)} z_v + Σ_g x_ig c_g        b_i = b'_i + Σ_g x_ig c'_g

    structure: mf has p and q alone; svdpp adds y, the items a user rated; flip also z, the users who rated an item.
    features: with tables of users' or items' features x (age, genres, …), their vectors a and c, and biases a' and c'.
    time: with `day`, the day t of a rating adds c_t + D_t · (P_u + Q_i).

    Every table of vectors has a normal prior whose mean and precision are drawn too, so that there is no λ to tune: for
    vectors normal–Wishart (of days about 0), for biases and for α Gamma. μ: mean training rating. R(u), U(i): training
    rows only. A sweep draws users, days and items in turn; of a side, the describing vectors (y, a) first, all at once,
    with the own vectors integrated out, then the own ones. The model keeps `n_draws` draws, evenly chosen after
    `burn_in`; in its predictions an item has the mean of its vector given the rest of the draw, which averages out
    sooner.
    Starting at small vectors (`init`), early sweeps fit less than late ones; the average predicts better than either.

    Time per sweep is O(ratings · rank²); memory 4 max(n_users, n_items, n_days) (rank + 1)² bytes and, for each draw
    kept, 4 (n_users + 2 n_items) (rank + 1), with sets n_items more; of draws up to twice `n_draws` are held while it
    trains. Ratings are learned in units of a quarter of their scale, to a power of two.
    Cold start: a user or item without training ratings has the vector that the prior expects, with what its features
    add. New users are folded in draw by draw (see PosteriorModel). A day without training ratings adds nothing.
    Source: R. Salakhutdinov, A. Mnih, "Bayesian Probabilistic Matrix Factorization using Markov Chain Monte Carlo",
    ICML 2008, section 3; "flip": S. Rendle, L. Zhang, Y. Koren, "On the Difficulty of Evaluating Baselines", 2019,
    section 3; features as further blocks: S. Rendle, "Factorization Machines with libFM", ACM TIST 3(3), 2012; all at
    once: G. Papandreou, A. Yuille, "Gaussian Sampling by Local Perturbations", NIPS 2010.

    Raises BadData for no ratings, and for time = day where the ratings have no times.
    """

    name: ClassVar[str] = "bayes"
    family: ClassVar[Family] = "factors by equations"

    structure: Annotated[
        Literal["mf", "svdpp", "flip"],
        "which sets of ratings describe users and items: none, a user's items, or also an item's users",
        Choices(("mf", "svdpp", "flip")),
    ] = "flip"
    rank: Annotated[
        int, "length of each vector; 7, 15 and 31 are fast", Bounds(low=1, high=511), SearchRange(4, 64, log=True)
    ] = 15
    n_epochs: Annotated[int, "number of sweeps, each of which samples all vectors", Bounds(low=1)] = 60
    burn_in: Annotated[int, "number of sweeps before the first posterior sample that is kept", Bounds(low=0)] = 5
    n_draws: Annotated[int, "maximum number of posterior samples to keep", Bounds(low=1, high=4096)] = 64
    time: Annotated[Literal["none", "day"], "time effects: none, or a vector and a bias for each day"] = "none"
    features: Annotated[bool, "use of the features of users and items, where there are any"] = True
    init: Annotated[
        float, "standard deviation of the initial vectors", Bounds(low=1e-3, high=10), SearchRange(0.03, 0.3, log=True)
    ] = 0.1
    seed: Annotated[int, "random seed for the sampler", Bounds(low=0)] = 0
    threads: Annotated[int, "number of threads, 0 for one per core; it does not change the result", Bounds(low=0)] = 0

    def training_state(self) -> type[TrainingState[Any]]:
        return _TrainingState


class _TrainingState(TrainingState[Bayes]):
    """The sides with their last sample, the precision α of a rating, and the posterior samples kept so far."""

    def __init__(self, trainer: Bayes, ratings: Ratings, resources: ExitStack) -> None:
        if trainer.time == "day" and ratings.time is None:
            raise BadData("bayes: time is 'day', but the ratings have no times", "leave --time out")
        self.trainer, self.ratings, self.n_epochs = trainer, ratings, trainer.n_epochs
        n_threads = useful_threads(trainer.threads, len(ratings) * (trainer.rank + 1) ** 2, WORTH_A_THREAD)
        self.pool = resources.enter_context(RowThreadPool(n_threads))
        resources.enter_context(threadpool_limits(1, "blas"))
        self.unit, self.mean = rating_unit(ratings.scale), float(ratings.value.mean(dtype=np.float64))
        self.first_day, self.alpha = None, 1.0
        rng = np.random.default_rng(trainer.seed)
        value = ((ratings.value - np.float32(self.mean)) / np.float32(self.unit)).astype(np.float32)
        day, n_days = None, 0
        if trainer.time == "day" and ratings.time is not None:
            days = ratings.time // SECONDS_A_DAY
            self.first_day = int(days.min())
            day, n_days = (days - self.first_day).astype(np.int32), int(days.max()) - self.first_day + 1
        user, item, width = ratings.user, ratings.item, trainer.rank + 1
        user_blocks, item_blocks = _side_information(trainer, ratings)
        shapes = (len(ratings.users), width), (len(ratings.items), width)
        shared = trainer.init, rng, self.pool
        self.users = SampledSide(user, item, day, value, shapes[0], user_blocks, *shared)
        self.items = SampledSide(item, user, day, value, shapes[1], item_blocks, *shared)
        self.days = None  # about 0, so that a day without ratings adds nothing; else the mean of the days would drift
        if day is not None:
            self.days = SampledSide(day, user, item, value, (n_days, width), [], *shared, strength=np.inf)
        self.n_raters = len(ratings.users) if trainer.structure == "flip" else 0  # vectors z, which no model needs
        self.factor = np.empty((max(*(n for n, _ in shapes), n_days), width, width), np.float32)
        self.samples, self.number = PosteriorSamples(trainer.burn_in, trainer.n_draws), 0

    @classmethod
    def init(cls, trainer: Bayes, ratings: Ratings, resources: ExitStack) -> Self:
        return cls(trainer, ratings, resources)

    @classmethod
    def from_snapshot(cls, trainer: Bayes, ratings: Ratings, resources: ExitStack, snapshot: Snapshot) -> Self:
        state, arrays = cls(trainer, ratings, resources), snapshot.arrays
        sample = state.samples.restore(snapshot, state._sample(), state._arrays(), trainer.name)
        state.alpha, state.number, state.last = float(arrays["alpha"]), snapshot.number, sample
        raters = arrays["met"]
        coefficients = {
            "users": sample.user_coefficients,
            "items": np.concatenate((raters, sample.item_coefficients)),
        }
        for name, side in state.sides.items():
            parts = ([arrays[f"{name}.prior.{n}.{part}"] for part in PRIOR_PARTS] for n in range(len(side.priors)))
            side.restore(getattr(sample, name), [Prior(*part) for part in parts], coefficients.get(name))
        return state

    @property
    def sides(self) -> dict[str, SampledSide]:
        """By name, in the order in which they are sampled."""
        sides = {"users": self.users, "days": self.days, "items": self.items}
        return {name: side for name, side in sides.items() if side is not None}

    def step(self, number: int) -> EpochMetrics:
        """Samples everything once, with random numbers of the sweep's own; the RMSE is that of the sample."""
        users, items, days = self.users, self.items, self.days
        rng = np.random.default_rng((self.trainer.seed, number))
        users.sample(rng, items.total, None if days is None else days.total, self.alpha, self.factor)
        if days is not None:
            days.sample(rng, users.total, items.total, self.alpha, self.factor)
        error = items.sample(rng, users.total, None if days is None else days.total, self.alpha, self.factor)
        n = len(self.ratings)
        self.alpha = rng.gamma((1 + n) / 2, 2 / (1 + max(error, 0)))
        self.number, self.last = number, self._sample()
        self.model_samples = self.samples.add(number, self.last)
        return EpochMetrics(self.unit * float(np.sqrt(max(error, 0) / n)))

    def _sample(self) -> PosteriorSample:
        """What is kept of the sweep."""
        users, items, days = self.users, self.items, self.days
        return PosteriorSample(
            users.total.copy(),
            items.total.copy(),
            items.expected.copy(),
            None if days is None else days.total.copy(),
            users.coefficients,
            items.coefficients[self.n_raters :].copy(),
            users.sample_prior,
            items.sample_prior,
            self.unit**2 / self.alpha,
        )

    def to_model(self) -> Callable[[], PosteriorModel]:
        return partial(self._build_model, self.model_samples)

    def state_dict(self) -> dict[str, Array]:
        return self.samples.arrays(self.number, self.last) | self._arrays()

    def _arrays(self) -> dict[str, Array]:
        """What the next sweep needs of the last one, beside its sample."""
        arrays: dict[str, Array] = {"alpha": np.array(self.alpha), "met": self.items.coefficients[: self.n_raters]}
        for name, side in self.sides.items():
            for n, prior in enumerate(side.priors):
                arrays |= {f"{name}.prior.{n}.mean": prior.mean, f"{name}.prior.{n}.precision": prior.precision}
        return arrays

    def _build_model(self, samples: list[PosteriorSample]) -> PosteriorModel:
        """The samples side by side, in the ratings' units."""
        ratings, trainer = self.ratings, self.trainer
        scale = np.append(np.full(trainer.rank, np.sqrt(self.unit)), self.unit).astype(np.float32)
        users, items, expected = (_side_by_side(_all(samples, n), scale) for n in ("users", "items", "expected_items"))
        user_coefficients, item_coefficients, days = (
            None if parts[0] is None else np.stack(parts, axis=1) * scale
            for parts in (_all(samples, n) for n in ("user_coefficients", "item_coefficients", "days"))
        )
        n_set_vectors = 0 if trainer.structure == "mf" else len(ratings.items)
        return PosteriorModel(
            training_data=ratings.training_data,
            scale=ratings.scale,
            mean=self.mean,
            user_bias=users[0].mean(axis=1),
            item_bias=expected[0].mean(axis=1),
            user_vectors=users[1],
            item_vectors=expected[1],
            user_bias_draws=users[0],
            item_bias_draws=items[0],
            noise=np.array([sample.noise for sample in samples], np.float32),
            **_prior_arrays(samples, scale),
            set_vectors=_none_if_empty(user_coefficients, slice(n_set_vectors)),
            user_feature_vectors=_none_if_empty(user_coefficients, slice(n_set_vectors, None)),
            item_feature_vectors=_none_if_empty(item_coefficients, slice(None)),
            day_vectors=days,
            first_day=None if self.first_day is None else float(self.first_day),
            drawn_item_vectors=items[1],
        )


def _prior_arrays(samples: list[PosteriorSample], scale: Floats) -> dict[str, Floats]:
    """The priors of users and items, by the names of the model's fields."""
    outer = {"mean": scale, "precision": 1 / np.outer(scale, scale)}
    return {
        f"{side}_prior_{part}": (
            np.stack([getattr(getattr(sample, f"{side}_prior"), part) for sample in samples]) * outer[part]
        ).astype(np.float32)
        for side in ("user", "item")
        for part in PRIOR_PARTS
    }


def _all(samples: list[PosteriorSample], name: str) -> list[Any]:
    return [getattr(sample, name) for sample in samples]


def _side_by_side(samples: list[Floats], scale: Floats) -> tuple[Floats, Floats]:
    """(n, S) biases and (n, S·K) vectors, each divided by √S, of S samples (n, W)."""
    (n, width), shared = samples[0].shape, scale[:-1] / np.float32(np.sqrt(len(samples)))
    vectors = np.empty((n, len(samples), width - 1), np.float32)
    for place, sample in enumerate(samples):
        np.multiply(sample[:, :-1], shared, out=vectors[:, place])
    return np.stack([sample[:, -1] for sample in samples], axis=1) * scale[-1], vectors.reshape(n, -1)


def _none_if_empty(vectors: Floats | None, rows: slice) -> Floats | None:
    return None if vectors is None or len(vectors[rows]) == 0 else vectors[rows]


def _side_information(trainer: Bayes, ratings: Ratings) -> tuple[list[FeatureBlock], list[FeatureBlock]]:
    """Of users and of items: the partners they were rated with where the structure says so, and their features."""
    ones = np.ones(len(ratings), np.float32)
    rated = csr_array((ones, (ratings.user, ratings.item)), shape=(len(ratings.users), len(ratings.items)))
    users = [] if trainer.structure == "mf" else [_partner_block(rated)]
    items = [_partner_block(csr_array(rated.T))] if trainer.structure == "flip" else []
    if trainer.features:
        users += _feature_blocks(ratings.user_features)
        items += _feature_blocks(ratings.item_features)
    return users, items


def _partner_block(rated: csr_array) -> FeatureBlock:
    """The partners of each row, each weighted by 1/√ of how many there are."""
    lengths = np.diff(rated.indptr)
    weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    return FeatureBlock(csr_array((weights, rated.indices, rated.indptr), shape=rated.shape), biased=False)


def _feature_blocks(features: Features | None) -> list[FeatureBlock]:
    """One block for each feature."""
    if features is None:
        return []
    widths = [len(features.names)] if features.encoding is None else [len(c) for c in features.encoding.columns]
    stops = np.cumsum(widths)
    return [
        FeatureBlock(features.matrix[:, stop - n : stop], biased=True) for n, stop in zip(widths, stops, strict=True)
    ]
