"""Bayesian matrix factorisation by Gibbs sampling: no λ to tune, and a standard deviation with each prediction."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from cofactor.arrays import Array, Floats
from cofactor.data.features import Features
from cofactor.data.ratings import Ratings
from cofactor.errors import BadData
from cofactor.machine import cores
from cofactor.models.posterior import SECONDS_A_DAY, PosteriorModel
from cofactor.trainers.base import Trainer
from cofactor.trainers.factorization.rating_unit import unit_of
from cofactor.trainers.gibbs.posterior_draws import Chain, Draw
from cofactor.trainers.gibbs.sampler import Prior, Side, Workers
from cofactor.training.epoch import Epoch, Snapshot, WarmStart
from cofactor.training.hyperparameter import Bounds, Choices, SearchRange
from cofactor.training.warm_start import refuse_warm_start

PARTS = "mean", "precision"  # of a prior
WORTH_A_THREAD = 100_000_000  # ratings × width² of a sweep from which a second thread gains more than it costs


@dataclass(frozen=True)
class Bayes(Trainer):
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

    structure: Annotated[
        Literal["mf", "svdpp", "flip"],
        "what describes a user and an item beside themselves",
        Choices(("mf", "svdpp", "flip")),
    ] = "flip"
    rank: Annotated[
        int, "width of each vector; 7, 15, 31 are fast", Bounds(low=1, high=511), SearchRange(4, 64, log=True)
    ] = 15
    n_epochs: Annotated[int, "sweeps over all vectors", Bounds(low=1)] = 60
    burn_in: Annotated[int, "sweeps before the first draw that is kept", Bounds(low=0)] = 5
    n_draws: Annotated[int, "draws to keep, at most", Bounds(low=1, high=4096)] = 64
    time: Annotated[Literal["none", "day"], "what the time of a rating adds"] = "none"
    features: Annotated[bool, "whether features of users and items are used where there are any"] = True
    init: Annotated[float, "σ of the first vectors", Bounds(low=1e-3, high=10), SearchRange(0.03, 0.3, log=True)] = 0.1
    seed: Annotated[int, "of all draws", Bounds(low=0)] = 0
    threads: Annotated[int, "threads, 0 for one a core; the result is the same", Bounds(low=0)] = 0

    def epochs(
        self, ratings: Ratings, *, resume: Snapshot | None = None, warm_start: WarmStart | None = None
    ) -> Iterator[Epoch]:
        if len(ratings) == 0:
            raise BadData("no ratings to train on", "give the split a larger training part")
        if self.time == "day" and ratings.time is None:
            raise BadData("bayes: time is 'day', but the ratings have no times", "leave --time out")
        refuse_warm_start(self.name, warm_start)
        n_threads = self.threads or cores()
        if len(ratings) * (self.rank + 1) ** 2 < WORTH_A_THREAD:
            n_threads = 1
        threads = ThreadPoolExecutor(n_threads) if n_threads > 1 else nullcontext()
        with threadpool_limits(1, "blas"), threads as pool:
            sampler = _Sampler(self, ratings, Workers(pool, n_threads))
            chain, done = Chain(self.burn_in, self.n_draws), 0
            if resume is not None:
                sampler.go_on(chain.go_on(resume, sampler.draw(), sampler.arrays(), self.name), resume)
                done = resume.number
            for number in range(done + 1, self.n_epochs + 1):
                rmse = sampler.sweep(number)
                draw = sampler.draw()
                model = partial(sampler.model, chain.add(number, draw))
                yield Epoch(number, self.n_epochs, model, rmse, state=partial(_state, sampler, chain, number, draw))


def _state(sampler: "_Sampler", chain: Chain, number: int, draw: Draw) -> dict[str, Array]:
    return chain.arrays(number, draw) | sampler.arrays()


class _Sampler:
    """Sampling under way: the sides, and the precision of a rating."""

    def __init__(self, trainer: Bayes, ratings: Ratings, workers: Workers) -> None:
        self.trainer, self.ratings, self.unit = trainer, ratings, unit_of(ratings.scale)
        rng = np.random.default_rng(trainer.seed)
        self.mean = float(ratings.value.mean(dtype=np.float64))
        value = ((ratings.value - np.float32(self.mean)) / np.float32(self.unit)).astype(np.float32)
        day, self.first_day, n_days = None, None, 0
        if trainer.time == "day" and ratings.time is not None:
            days = ratings.time // SECONDS_A_DAY
            self.first_day = int(days.min())
            day, n_days = (days - self.first_day).astype(np.int32), int(days.max()) - self.first_day + 1
        user, item, width = ratings.user, ratings.item, trainer.rank + 1
        seen = csr_array((np.ones(len(user), np.float32), (user, item)), shape=ratings.by_user().shape)
        more = (ratings.user_features, ratings.item_features) if trainer.features else (None, None)
        self.n_met = len(ratings.users) if trainer.structure == "flip" else 0  # vectors z, which no model needs
        sets = [seen] if trainer.structure != "mf" else [], [csr_array(seen.T)] if trainer.structure == "flip" else []
        shapes = [(len(ratings.users), width), (len(ratings.items), width)]
        common = trainer.init, rng, workers
        self.users = Side(user, item, day, value, shapes[0], _blocks(sets[0], more[0]), *common)
        self.items = Side(item, user, day, value, shapes[1], _blocks(sets[1], more[1]), *common)
        self.days = None  # about 0, so that a day without ratings adds nothing; the mean of the others would drift off
        if day is not None:
            self.days = Side(day, user, item, value, (n_days, width), [], *common, strength=np.inf)
        self.factor = np.empty((max(n for n, _ in [*shapes, (n_days, 0)]), width, width), np.float32)
        self.alpha = 1.0

    @property
    def sides(self) -> dict[str, Side]:
        """By name, in the order in which they are drawn."""
        sides = {"users": self.users, "days": self.days, "items": self.items}
        return {name: side for name, side in sides.items() if side is not None}

    def arrays(self) -> dict[str, Array]:
        """What the next sweep needs of the last, beside its draw."""
        arrays: dict[str, Array] = {"alpha": np.array(self.alpha), "met": self.items.described[: self.n_met]}
        for name, side in self.sides.items():
            for n, prior in enumerate(side.priors):
                arrays |= {f"{name}.prior.{n}.mean": prior.mean, f"{name}.prior.{n}.precision": prior.precision}
        return arrays

    def go_on(self, draw: Draw, snapshot: Snapshot) -> None:
        """As after the sweep of a snapshot, which drew `draw`."""
        arrays = snapshot.arrays
        self.alpha = float(arrays["alpha"])
        for name, side in self.sides.items():
            side.total[:] = getattr(draw, name)
            parts = ([arrays[f"{name}.prior.{n}.{part}"] for part in PARTS] for n in range(len(side.priors)))
            side.priors = [Prior(*part) for part in parts]
        self.users.described = draw.described_users
        self.items.described = np.concatenate((arrays["met"], draw.described_items))

    def sweep(self, number: int) -> float:
        """One draw of everything, by random numbers of its own; the RMSE of the draw on the training ratings."""
        users, items, days = self.users, self.items, self.days
        rng = np.random.default_rng((self.trainer.seed, number))
        for side in self.sides.values():
            side.rng = rng
        users.sweep(items.total, None if days is None else days.total, self.alpha, self.factor)
        if days is not None:
            days.sweep(users.total, items.total, self.alpha, self.factor)
        error = items.sweep(users.total, None if days is None else days.total, self.alpha, self.factor)
        n = len(self.ratings)
        self.alpha = rng.gamma((1 + n) / 2, 2 / (1 + max(error, 0)))
        return self.unit * float(np.sqrt(max(error, 0) / n))

    def draw(self) -> Draw:
        """What is kept of the sweep."""
        users, items, days = self.users, self.items, self.days
        return Draw(
            users.total.copy(),
            items.total.copy(),
            items.expected.copy(),
            None if days is None else days.total.copy(),
            users.described,
            items.described[self.n_met :].copy(),
            users.drawn_with,
            items.drawn_with,
            self.unit**2 / self.alpha,
        )

    def model(self, draws: list[Draw]) -> PosteriorModel:
        """The draws side by side, in the data's own units."""
        ratings, trainer = self.ratings, self.trainer
        scale = np.append(np.full(trainer.rank, np.sqrt(self.unit)), self.unit).astype(np.float32)

        users, items, expected = (_side_by_side(_all(draws, n), scale) for n in ("users", "items", "expected_items"))
        of_users, of_items, days = (
            None if parts[0] is None else np.stack(parts, axis=1) * scale
            for parts in (_all(draws, n) for n in ("described_users", "described_items", "days"))
        )
        priors = {
            f"{side}_prior_{part}": np.stack([getattr(getattr(draw, f"{side}_prior"), part) for draw in draws])
            for side in ("user", "item")
            for part in PARTS
        }
        outer = {"mean": scale, "precision": 1 / np.outer(scale, scale)}
        rows = 0 if trainer.structure == "mf" else len(ratings.items)
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
            noise=np.array([draw.noise for draw in draws], np.float32),
            **{name: (one * outer[name.rpartition("_")[2]]).astype(np.float32) for name, one in priors.items()},
            set_vectors=_none_if_empty(of_users, slice(rows)),
            user_feature_vectors=_none_if_empty(of_users, slice(rows, None)),
            item_feature_vectors=_none_if_empty(of_items, slice(None)),
            day_vectors=days,
            first_day=None if self.first_day is None else float(self.first_day),
            drawn_item_vectors=items[1],
        )


def _all(draws: list[Draw], name: str) -> list[Any]:
    return [getattr(draw, name) for draw in draws]


def _side_by_side(draws: list[Floats], scale: Floats) -> tuple[Floats, Floats]:
    """(n, S) biases and (n, S·K) vectors, each divided by √S, of S draws (n, W)."""
    (n, width), shared = draws[0].shape, scale[:-1] / np.float32(np.sqrt(len(draws)))
    vectors = np.empty((n, len(draws), width - 1), np.float32)
    for place, draw in enumerate(draws):
        np.multiply(draw[:, :-1], shared, out=vectors[:, place])
    return np.stack([draw[:, -1] for draw in draws], axis=1) * scale[-1], vectors.reshape(n, -1)


def _none_if_empty(vectors: Floats | None, rows: slice) -> Floats | None:
    return None if vectors is None or len(vectors[rows]) == 0 else vectors[rows]


def _blocks(sets: list[csr_array], features: Features | None) -> list[tuple[csr_array, bool]]:
    """What describes the rows of a side: the others they met, each weighted by 1/√ of how many, and each column."""
    blocks = []
    for one in sets:
        lengths = np.diff(one.indptr)
        weights = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
        blocks.append((csr_array((weights, one.indices, one.indptr), shape=one.shape), False))
    if features is not None:
        widths = [len(features.names)] if features.encoding is None else [len(c) for c in features.encoding.columns]
        stops = np.cumsum(widths)
        blocks += [(features.matrix[:, stop - n : stop], True) for n, stop in zip(widths, stops, strict=True)]
    return blocks
