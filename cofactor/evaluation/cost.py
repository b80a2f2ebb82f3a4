"""What a model costs: to train, to keep and to ask."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Cost:
    """None where it was not measured, as of models that were trained elsewhere."""

    fit_seconds: float | None = None  # wall, compilation and reading left out
    cpu_seconds: float | None = None  # of all threads
    peak_bytes: int | None = None  # the most memory of the training on top of what its process held before
    model_bytes: int | None = None  # of the saved folder
    list_seconds: float | None = None  # median time of one list of ten for one user alone

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)
