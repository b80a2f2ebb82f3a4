"""PyTorch's optimisers by name, and what they remember between two steps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cofactor.arrays import Array

if TYPE_CHECKING:
    import torch


def optimiser_of(name: str, parameters: list["torch.Tensor"], rate: float) -> Any:
    """Adam, RMSProp, or gradient descent with or without momentum."""
    import torch

    if name == "adam":
        return torch.optim.Adam(parameters, rate, betas=(0.9, 0.99), fused=True)
    if name == "rmsprop":
        return torch.optim.RMSprop(parameters, rate)
    return torch.optim.SGD(parameters, rate, momentum=0.9 if name == "momentum" else 0.0)


def moments(optimiser: Any, parameters: Mapping[str, "torch.Tensor"]) -> dict[str, Array]:
    """Copies of what the optimiser remembers of each parameter, as optimiser.<what>.<parameter>."""
    return {
        f"optimiser.{what}.{name}": np.array(tensor.detach().cpu().numpy())
        for name, parameter in parameters.items()
        for what, tensor in optimiser.state[parameter].items()
    }


def restore(optimiser: Any, parameters: Mapping[str, "torch.Tensor"], arrays: Mapping[str, Array]) -> None:
    """Puts them back."""
    import torch

    for name, array in arrays.items():
        if name.startswith("optimiser."):
            _, what, parameter = name.split(".", 2)
            tensor = torch.from_numpy(np.array(array))
            held = parameters[parameter]
            optimiser.state[held][what] = tensor.to(held.device)
