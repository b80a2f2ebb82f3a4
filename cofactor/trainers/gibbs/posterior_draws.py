"""The draws that a chain of sweeps leaves behind, and how it goes on from them."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.errors import BadArtifact
from cofactor.trainers.gibbs.sampler import Prior
from cofactor.training.epoch import Snapshot
from cofactor.training.snapshot import HINT, check_arrays


@dataclass(frozen=True, eq=False)
class Draw:
    """What is kept of one sweep, in units."""

    users: Floats  # (n_users, W)
    items: Floats  # (n_items, W)
    expected_items: Floats  # (n_items, W)
    days: Floats | None  # (n_days, W)
    described_users: Floats  # (n_items of sets + n_user_features, W)
    described_items: Floats  # (n_item_features, W)
    user_prior: Prior
    item_prior: Prior
    noise: float

    def arrays(self) -> dict[str, Array]:
        """By name, without the noise; the same objects whenever they are asked for."""
        parts: dict[str, Array] = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Prior):
                parts |= {f"{one.name}.mean": value.mean, f"{one.name}.precision": value.precision}
            elif isinstance(value, np.ndarray):
                parts[one.name] = value
        return parts

    @classmethod
    def from_arrays(cls, parts: dict[str, Array], noise: float) -> "Draw":
        given: dict[str, Any] = {name: array for name, array in parts.items() if "." not in name}
        for name in ("user_prior", "item_prior"):
            given[name] = Prior(parts[f"{name}.mean"], parts[f"{name}.precision"])
        return cls(**{"days": None} | given, noise=noise)


@dataclass
class Chain:
    """The draws held of a chain: those of sweeps at even distances after `burn_in`. Of 2 · `n_draws`, the most that is
    held however long the chain, every second goes and the distance doubles."""

    burn_in: int
    n_draws: int
    stride: int = 1
    kept: dict[int, Draw] = field(default_factory=dict)  # by sweep

    def add(self, sweep: int, draw: Draw) -> list[Draw]:
        """Takes what a sweep drew; the draws of the model after it: `n_draws` at most, evenly, the last among them."""
        draws = _thinned([*self.kept.values(), draw], self.n_draws)
        if sweep > self.burn_in and (sweep - self.burn_in) % self.stride == 0:
            self.kept[sweep] = draw
        if len(self.kept) == 2 * self.n_draws:
            self.kept, self.stride = dict(list(self.kept.items())[1::2]), 2 * self.stride
        return draws

    def arrays(self, sweep: int, draw: Draw) -> dict[str, Array]:
        """After a sweep that drew `draw`; the arrays of a draw are the same objects each time."""
        held = self.kept | {sweep: draw}
        arrays = {f"draw.{n}.{name}": array for n, one in held.items() for name, array in one.arrays().items()}
        return arrays | self._numbers([one.noise for one in held.values()])

    def go_on(self, snapshot: Snapshot, like: Draw, more: dict[str, Array], trainer: str) -> Draw:
        """Holds the draws of a snapshot; the last of its sweep. like: a draw of the same shapes; more: what else
        belongs to the snapshot. Raises BadArtifact where it has other arrays, or of other shapes or types."""
        sweeps = _sweeps(snapshot, trainer)
        self.kept = dict.fromkeys(sweeps, like)
        held = sorted({*sweeps, snapshot.number})
        numbers = self._numbers(np.zeros(len(held)))
        expected = {f"draw.{n}.{name}": array for n in held for name, array in like.arrays().items()}
        check_arrays(snapshot, expected | numbers | more, trainer)
        draws = {}
        for n, noise in zip(held, snapshot.arrays["noise"].tolist(), strict=True):
            draws[n] = Draw.from_arrays({name: snapshot.arrays[f"draw.{n}.{name}"] for name in like.arrays()}, noise)
        self.kept, self.stride = {n: draws[n] for n in sweeps}, max(1, int(snapshot.arrays["stride"]))
        return draws[snapshot.number]

    def _numbers(self, noise: list[float] | Doubles) -> dict[str, Array]:
        sweeps = np.array(list(self.kept), np.int64)
        return {"sweeps": sweeps, "stride": np.array(self.stride, np.int64), "noise": np.asarray(noise, np.float64)}


def _sweeps(snapshot: Snapshot, trainer: str) -> list[int]:
    """Whose draws a snapshot keeps."""
    found = snapshot.arrays.get("sweeps")
    if found is None or found.ndim != 1 or found.dtype != np.int64:
        raise BadArtifact(f"{trainer} cannot go on from a snapshot that does not list its sweeps", HINT)
    sweeps: list[int] = found.tolist()
    if sweeps != sorted(set(sweeps)) or not set(sweeps) <= set(range(1, snapshot.number + 1)):
        raise BadArtifact(f"{trainer} cannot go on from a snapshot of impossible sweeps", HINT)
    return sweeps


def _thinned(draws: list[Draw], n: int) -> list[Draw]:
    """At most n of them, evenly, the last among them."""
    if len(draws) <= n:
        return draws
    return [draws[place] for place in np.linspace(len(draws) - 1, 0, n).round().astype(int)[::-1]]
