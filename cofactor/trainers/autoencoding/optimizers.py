"""PyTorch's optimizers by name, and their state."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array
from cofactor.training.optimizer import OptimizerSettings

if TYPE_CHECKING:
    import torch


def make_optimizer(settings: OptimizerSettings, parameters: list["torch.Tensor"], rate: float) -> Any:
    """adam, rmsprop, momentum or sgd."""
    import torch

    if settings.name == "adam":
        betas = settings.beta1, settings.beta2
        return torch.optim.Adam(parameters, rate, betas=betas, eps=settings.epsilon, fused=True)
    if settings.name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, alpha=settings.beta2, eps=settings.epsilon)
    return torch.optim.SGD(parameters, rate, momentum=settings.beta1)


def optimizer_arrays(optimizer: Any, parameters: Mapping[str, "torch.Tensor"]) -> dict[str, Array]:
    """Copies of the optimizer's state of each parameter, as optimiser.<what>.<parameter>."""
    return {
        f"optimiser.{what}.{name}": np.array(tensor.detach().cpu().numpy())
        for name, parameter in parameters.items()
        for what, tensor in optimizer.state[parameter].items()
    }


def load_optimizer_arrays(
    optimizer: Any, parameters: Mapping[str, "torch.Tensor"], arrays: Mapping[str, Array]
) -> None:
    """Restores the state that `optimizer_arrays` copied."""
    import torch

    for name, array in arrays.items():
        if name.startswith("optimiser."):
            _, what, parameter_name = name.split(".", 2)
            parameter = parameters[parameter_name]
            optimizer.state[parameter][what] = torch.from_numpy(np.array(array)).to(parameter.device)
