"""A stack of fully connected layers in NumPy: f_L(… f_1(x W_1ᵀ + b_1) … W_Lᵀ + b_L)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cofactor.arrays import Array, Floats
from cofactor.errors import BadArtifact

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, equation 2 and appendix


@dataclass(frozen=True, eq=False)
class Layers:
    """Fully connected layers, each with (n_out, n_in) weights, (n_out,) biases and the name of one of ACTIVATIONS.

    Raises BadArtifact for layers of different sizes or types that do not fit together, and for unknown activations.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    activations: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.biases) == len(self.activations):
            raise BadArtifact(
                "the layers have different numbers of weights, biases and activations", "the folder is damaged"
            )
        width = self.weights[0].shape[1] if self.weights and self.weights[0].ndim == 2 else 0
        for number, (weight, bias, activation) in enumerate(
            zip(self.weights, self.biases, self.activations, strict=True)
        ):
            if weight.ndim != 2 or weight.shape[1] != width or bias.shape != weight.shape[:1]:
                message = f"layer {number} has weights {weight.shape} and biases {bias.shape}, but {width} inputs"
                raise BadArtifact(message, "the folder is damaged")
            if weight.dtype != np.float32 or bias.dtype != np.float32:
                raise BadArtifact(f"layer {number} is of {weight.dtype}, not float32", "the folder is damaged")
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise BadArtifact(
                    f"layer {number} holds NaN or infinity", "the folder is damaged: save the model again"
                )
            if activation not in ACTIVATIONS:
                raise BadArtifact(
                    f"layer {number} has the activation {activation!r}", f"known: {', '.join(ACTIVATIONS)}"
                )
            width = len(weight)
        for name in ("weights", "biases"):
            views = tuple(array.view() for array in getattr(self, name))
            for view in views:
                view.flags.writeable = False
            object.__setattr__(self, name, views)

    def __len__(self) -> int:
        return len(self.weights)

    def __call__(self, x: Floats) -> Floats:
        """(…, n_out) float32 outputs of the last layer for (…, n_in) inputs; x itself if there are no layers."""
        for weight, bias, activation in zip(self.weights, self.biases, self.activations, strict=True):
            x = x @ weight.T
            x += bias
            ACTIVATIONS[activation](x)
        return x

    def forward_columns(self, x: Floats) -> Floats:
        """(n_out, m) outputs of the last layer for (n_in, m) inputs. Faster than `__call__` for many small inputs:
        biases are added along the longer axis."""
        for weight, bias, activation in zip(self.weights, self.biases, self.activations, strict=True):
            x = weight @ x
            x += bias[:, None]
            ACTIVATIONS[activation](x)
        return x

    def gradient(self, x: Floats) -> tuple[Floats, Floats]:
        """(m,) first outputs of the last layer for (m, n_in) inputs, and their (m, n_in) gradients, by
        back-propagation; the derivative of relu at 0 is 0."""
        outputs = [x]
        for weight, bias, activation in zip(self.weights, self.biases, self.activations, strict=True):
            outputs.append(outputs[-1] @ weight.T)
            outputs[-1] += bias
            ACTIVATIONS[activation](outputs[-1])
        values, gradient = outputs[-1][:, 0].copy(), np.zeros_like(outputs[-1])
        gradient[:, 0] = 1
        for weight, activation in zip(reversed(self.weights), reversed(self.activations), strict=True):
            gradient *= SLOPES[activation](outputs.pop())
            gradient = gradient @ weight
        return values, gradient

    def without_first(self, n: int) -> "Layers":
        """The layers after the first n."""
        return Layers(self.weights[n:], self.biases[n:], self.activations[n:])

    def arrays(self, name: str) -> dict[str, Array]:
        """The arrays to save: name.0.weight, name.0.bias, …, and name.activations (positions in ACTIVATIONS)."""
        codes = [list(ACTIVATIONS).index(one) for one in self.activations]
        named: dict[str, Array] = {f"{name}.activations": np.array(codes, dtype=np.int32)}
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            named |= {f"{name}.{number}.weight": weight, f"{name}.{number}.bias": bias}
        return named

    @classmethod
    def from_arrays(cls, arrays: dict[str, Array], name: str) -> "Layers":
        """The layers saved under a name, removed from `arrays`; raises BadArtifact if an array is missing."""
        codes = arrays.pop(f"{name}.activations", None)
        if codes is None or codes.ndim != 1 or codes.dtype not in (np.int32, np.int64):
            raise BadArtifact(f"the model has no activations of {name!r}", "the folder is incomplete")
        if len(codes) and not (codes.min() >= 0 and codes.max() < len(ACTIVATIONS)):
            raise BadArtifact(f"{name!r} has an unknown activation", f"known: {', '.join(ACTIVATIONS)}")
        weights: list[Floats] = []
        biases: list[Floats] = []
        for number in range(len(codes)):
            for part, there in (("weight", weights), ("bias", biases)):
                if (array := arrays.pop(f"{name}.{number}.{part}", None)) is None:
                    raise BadArtifact(f"the model has no array '{name}.{number}.{part}'", "the folder is incomplete")
                there.append(array)
        return cls(tuple(weights), tuple(biases), tuple(list(ACTIVATIONS)[code] for code in codes))


def _linear(x: Floats) -> None:
    pass


def _relu(x: Floats) -> None:
    np.maximum(x, 0, out=x)


def _selu(x: Floats) -> None:
    """λ x above 0, λ α (eˣ - 1) below."""
    below = np.expm1(np.minimum(x, 0)) * np.float32(SELU_ALPHA)
    np.maximum(x, 0, out=x)
    x += below
    x *= np.float32(SELU_SCALE)


def _sigmoid(x: Floats) -> None:
    """1 / (1 + e⁻ˣ), as (1 + tanh(x/2)) / 2, which cannot overflow."""
    x *= np.float32(0.5)
    np.tanh(x, out=x)
    x += 1
    x *= np.float32(0.5)


def _tanh(x: Floats) -> None:
    np.tanh(x, out=x)


ACTIVATIONS: Mapping[str, Callable[[Floats], None]] = {  # in place; saved models number them in this order
    "linear": _linear,
    "relu": _relu,
    "selu": _selu,
    "sigmoid": _sigmoid,
    "tanh": _tanh,
}

SLOPES: Mapping[str, Callable[[Floats], Floats | np.float32]] = {  # of an activation, by its output
    "linear": lambda y: np.float32(1),
    "relu": lambda y: (y > 0).astype(np.float32),
    "selu": lambda y: np.where(y > 0, np.float32(SELU_SCALE), y + np.float32(SELU_SCALE * SELU_ALPHA)),
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y * y,
}
