"""Imports PyTorch when a training needs it, and sets its device and threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cofactor.errors import BadHyperparameter, Unavailable

if TYPE_CHECKING:
    import torch


def import_torch(trainer: str) -> Any:
    """The torch module; raises Unavailable where it is not installed."""
    try:
        import torch
    except ImportError:
        raise Unavailable(
            f"{trainer} is trained with PyTorch, which is not installed", "pip install 'cofactor[deep]'"
        ) from None
    return torch


@contextmanager
def training_device(trainer: str, device: str, threads: int) -> Iterator["torch.device"]:
    """The device to train on, with deterministic algorithms and a number of threads; both are set back afterwards.

    Raises BadHyperparameter where there is no such device.
    """
    torch = import_torch(trainer)
    if device == "cuda" and not torch.cuda.is_available():
        raise BadHyperparameter(f"{trainer}: device is 'cuda', but PyTorch finds no GPU", "use --device cpu")
    if device == "cuda":  # without it matrix products may differ from run to run, and PyTorch refuses them
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield torch.device(device)
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
