"""Latent factors, a deep network or their ensemble, by the option branches."""

from dataclasses import dataclass
from typing import ClassVar

from cofactor.trainers.base import Family
from cofactor.trainers.ensemble import Ensemble
from cofactor.trainers.minibatch.hyperparameters import Branches
from cofactor.trainers.minibatch.settings import OptimizationSettings


@dataclass(frozen=True)
class Network(Ensemble):
    """r̂_ui = μ + b_u + b_i [+ p_u · q_i] [+ f([x_u; y_i])]

    With `branches` product it is `latent-factor`, with deep `deep`, with both `ensemble`: they have the equations, the
    sources and the errors. The defaults are those of `ensemble`.

    Cold start: as in the one that it is.
    """

    name: ClassVar[str] = "network"
    family: ClassVar[Family] = "networks"
    alias_of: ClassVar[str | None] = "ensemble"

    branches: Branches = "both"

    def optimization(self) -> OptimizationSettings:
        without = {"product": {"deep_rank": 0}, "deep": {"rank": 0}, "both": {}}[self.branches]
        return OptimizationSettings.from_trainer(self, **without)
