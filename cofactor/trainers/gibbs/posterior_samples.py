"""The posterior samples that a Gibbs sampler keeps, and how it resumes from a snapshot of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from cofactor.arrays import Array, Doubles, Floats
from cofactor.errors import BadArtifact
from cofactor.trainers.gibbs.prior import Prior
from cofactor.training.epoch import Snapshot
from cofactor.training.snapshot import HINT, check_arrays

SAVED_NAMES = {"user_coefficients": "described_users", "item_coefficients": "described_items"}  # others: as the fields


@dataclass(frozen=True, eq=False)
class PosteriorSample:
    """What is kept of one sweep, in rating units."""

    users: Floats  # (n_users, W)
    items: Floats  # (n_items, W)
    expected_items: Floats  # (n_items, W)
    days: Floats | None  # (n_days, W)
    user_coefficients: Floats  # (n_items of sets + n_user_features, W)
    item_coefficients: Floats  # (n_item_features, W)
    user_prior: Prior
    item_prior: Prior
    noise: float

    def arrays(self) -> dict[str, Array]:
        """By the names that snapshots use, without the noise; the same array objects at every call."""
        arrays: dict[str, Array] = {}
        for one in fields(self):
            value, name = getattr(self, one.name), SAVED_NAMES.get(one.name, one.name)
            if isinstance(value, Prior):
                arrays |= {f"{name}.mean": value.mean, f"{name}.precision": value.precision}
            elif isinstance(value, np.ndarray):
                arrays[name] = value
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], noise: float) -> Self:
        """The sample whose `arrays` these are."""
        field_names = {saved: name for name, saved in SAVED_NAMES.items()}
        values: dict[str, Any] = {field_names.get(name, name): a for name, a in arrays.items() if "." not in name}
        for name in ("user_prior", "item_prior"):
            values[name] = Prior(arrays[f"{name}.mean"], arrays[f"{name}.precision"])
        return cls(**{"days": None} | values, noise=noise)


@dataclass
class PosteriorSamples:
    """The samples of sweeps at equal distances after `burn_in`. At 2 · `n_draws` samples, the most that are held
    however long the chain, every second one is dropped and the distance doubles."""

    burn_in: int
    n_draws: int
    stride: int = 1
    held: dict[int, PosteriorSample] = field(default_factory=dict)  # by sweep

    def add(self, sweep: int, sample: PosteriorSample) -> list[PosteriorSample]:
        """Adds the sample of a sweep; returns those of the model after it: `n_draws` at most, evenly, the last one
        included."""
        samples = _thin([*self.held.values(), sample], self.n_draws)
        if sweep > self.burn_in and (sweep - self.burn_in) % self.stride == 0:
            self.held[sweep] = sample
        if len(self.held) == 2 * self.n_draws:
            self.held, self.stride = dict(list(self.held.items())[1::2]), 2 * self.stride
        return samples

    def arrays(self, sweep: int, sample: PosteriorSample) -> dict[str, Array]:
        """What a snapshot after a sweep holds of the samples; the arrays of a sample are the same objects each time."""
        samples = self.held | {sweep: sample}
        arrays = {f"draw.{n}.{name}": array for n, one in samples.items() for name, array in one.arrays().items()}
        return arrays | self._numbers([one.noise for one in samples.values()])

    def restore(
        self, snapshot: Snapshot, like: PosteriorSample, others: Mapping[str, Array], trainer: str
    ) -> PosteriorSample:
        """Holds the samples of a snapshot; returns the sample of its sweep.

        like: a sample of the same shapes; others: the arrays of the snapshot beside the samples'. Raises BadArtifact
        where the snapshot has other arrays, or arrays of other shapes or types.
        """
        sweeps = _check_sweeps(snapshot, trainer)
        self.held = dict.fromkeys(sweeps, like)
        all_sweeps = sorted({*sweeps, snapshot.number})
        numbers = self._numbers(np.zeros(len(all_sweeps)))
        expected = {f"draw.{n}.{name}": array for n in all_sweeps for name, array in like.arrays().items()}
        check_arrays(snapshot, expected | numbers | dict(others), trainer)
        samples = {}
        for n, noise in zip(all_sweeps, snapshot.arrays["noise"].tolist(), strict=True):
            arrays = {name: snapshot.arrays[f"draw.{n}.{name}"] for name in like.arrays()}
            samples[n] = PosteriorSample.from_arrays(arrays, noise)
        self.held, self.stride = {n: samples[n] for n in sweeps}, max(1, int(snapshot.arrays["stride"]))
        return samples[snapshot.number]

    def _numbers(self, noise: list[float] | Doubles) -> dict[str, Array]:
        sweeps = np.array(list(self.held), np.int64)
        return {"sweeps": sweeps, "stride": np.array(self.stride, np.int64), "noise": np.asarray(noise, np.float64)}


def _check_sweeps(snapshot: Snapshot, trainer: str) -> list[int]:
    """The sweeps whose samples a snapshot holds."""
    found = snapshot.arrays.get("sweeps")
    if found is None or found.ndim != 1 or found.dtype != np.int64:
        raise BadArtifact(f"{trainer} cannot resume from a snapshot that does not list its sweeps", HINT)
    sweeps: list[int] = found.tolist()
    if sweeps != sorted(set(sweeps)) or not set(sweeps) <= set(range(1, snapshot.number + 1)):
        raise BadArtifact(f"{trainer} cannot resume from a snapshot of impossible sweeps", HINT)
    return sweeps


def _thin(samples: list[PosteriorSample], n: int) -> list[PosteriorSample]:
    """At most n of them at equal distances, the last one included."""
    if len(samples) <= n:
        return samples
    return [samples[place] for place in np.linspace(len(samples) - 1, 0, n).round().astype(int)[::-1]]
