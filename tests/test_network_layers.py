"""Stacks of layers in NumPy: against PyTorch's, and what a damaged file is told."""

import numpy as np
import pytest
import torch

from cofactor.errors import BadArtifact
from cofactor.models.networks.layers import ACTIVATIONS, Layers


def stack(*activations: str, widths: tuple[int, ...] = (5, 4, 3, 2, 6)) -> Layers:
    rng = np.random.default_rng(0)
    sizes = list(zip(widths[1:], widths[:-1], strict=True))[: len(activations)]
    weights = tuple(rng.normal(size=size).astype(np.float32) for size in sizes)
    return Layers(weights, tuple(rng.normal(size=n).astype(np.float32) for n, _ in sizes), activations)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_same_as_pytorch(activation: str) -> None:
    layers = stack(activation, "linear")
    x = np.random.default_rng(1).normal(scale=3, size=(50, 5)).astype(np.float32)
    function = {"linear": torch.nn.Identity(), "relu": torch.relu, "selu": torch.selu}
    function |= {"sigmoid": torch.sigmoid, "tanh": torch.tanh}
    (w, v), (b, c) = (tuple(torch.from_numpy(a.copy()) for a in arrays) for arrays in (layers.weights, layers.biases))
    expected = function[activation](torch.from_numpy(x) @ w.T + b) @ v.T + c
    before = x.copy()
    np.testing.assert_allclose(layers(x), expected.numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(x, before)


def test_there_and_back() -> None:
    layers = stack("selu", "sigmoid", "linear")
    arrays = layers.arrays("decoder") | {"other": np.zeros(1)}
    again = Layers.from_arrays(arrays, "decoder")
    assert list(arrays) == ["other"]
    assert again.activations == ("selu", "sigmoid", "linear")
    x = np.ones((1, 5), dtype=np.float32)
    np.testing.assert_array_equal(again(x), layers(x))
    first = Layers(layers.weights[:1], layers.biases[:1], layers.activations[:1])
    np.testing.assert_array_equal(again.without_first(1)(first(x)), layers(x))
    assert len(again.without_first(3)) == 0


def test_no_layers_at_all() -> None:
    none = Layers.from_arrays(Layers((), (), ()).arrays("head"), "head")
    x = np.ones((2, 3), dtype=np.float32)
    assert none(x) is x


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("d.1.weight", None, "no array 'd.1.weight'"),
        ("d.activations", None, "no activations of 'd'"),
        ("d.activations", np.array([0, 99], dtype=np.int32), "unknown activation"),
        ("d.activations", np.array([0, -1], dtype=np.int32), "unknown activation"),
        ("d.1.weight", np.zeros((3, 5), dtype=np.float32), r"layer 1 has weights \(3, 5\)"),
        ("d.0.bias", np.zeros(9, dtype=np.float32), "layer 0"),
        ("d.0.bias", np.full(4, np.nan, dtype=np.float32), "NaN"),
        ("d.0.weight", np.zeros((4, 5)), "float64"),
    ],
)
def test_what_a_damaged_file_is_told(name: str, array: np.ndarray | None, said: str) -> None:
    arrays = stack("relu", "linear").arrays("d")
    arrays.pop(name)
    if array is not None:
        arrays[name] = array
    with pytest.raises(BadArtifact, match=said):
        Layers.from_arrays(arrays, "d")
