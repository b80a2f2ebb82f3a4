"""Matrix factorisation with biases by mini-batch gradient descent, with a choice of optimizer, dropout and device."""

from dataclasses import dataclass
from typing import ClassVar

from cofactor.trainers.base import Family
from cofactor.trainers.minibatch.hyperparameters import (
    L2,
    BatchSize,
    BiasL2,
    Device,
    Dropout,
    Epochs,
    Init,
    Momentum,
    Optimiser,
    Rank,
    Rate,
    Schedule,
    Seed,
    Steps,
)
from cofactor.trainers.minibatch.training_state import MiniBatchTrainer


@dataclass(frozen=True)
class LatentFactor(MiniBatchTrainer):
    """r̂_ui = μ + b_u + b_i + p_u · q_i, the minimum of

        Σ (r_ui - r̂_ui)² + λ (|p_u|² + |q_i|²) + λ_b (b_u² + b_i²)      summed over the training ratings

    by gradient descent on mini-batches. The gradients of a row's ratings in a batch are summed, then the row is moved
    once by the optimiser. Rows that a batch does not touch are not looked at. Of `adam`, `rmsprop` and `momentum`, what
    would have become of them is made up for when they are next read; `lazy-adam` lets them rest, and with them all that
    it remembers of them, and counts their own moves only.

    μ: mean training rating; p, q: vectors of `rank` numbers, first drawn from a normal of σ = init / √rank. `dropout`
    leaves products p_uk q_ik out. Ratings are learned in units of a quarter of their scale, as `svd` does. On the CPU
    one thread computes, without PyTorch; `--device cuda` needs it, batches of 65,536 or more and a higher rate.
    Cold start: a user or item without training ratings has a bias and a vector of 0. New users are folded in by ridge
    regression (see FactorModel).
    Source: Y. Koren, R. Bell, C. Volinsky, "Matrix Factorization Techniques for Recommender Systems", IEEE Computer
    42(8), 2009, equation 5; D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.

    Raises BadData for no ratings, BadHyperparameter where the errors grow without bound or a model to start from has
    another rank, SplitMismatch where that was trained on another split.
    """

    name: ClassVar[str] = "latent-factor"
    family: ClassVar[Family] = "factors by gradient"
    warm_start_model: ClassVar[str | None] = "a model of the same trainer, or of another factorisation that is as wide"

    rank: Rank = 64
    n_epochs: Epochs = 20
    steps: Steps = 0
    batch_size: BatchSize = 0
    optimiser: Optimiser = "lazy-adam"
    momentum: Momentum = 0.9
    learning_rate: Rate = 0.0025
    schedule: Schedule = "linear"
    l2: L2 = 0.045
    bias_l2: BiasL2 = 0.005
    dropout: Dropout = 0.0
    init: Init = 0.1
    seed: Seed = 0
    device: Device = "cpu"
