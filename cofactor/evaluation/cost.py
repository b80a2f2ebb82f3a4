"""The cost of a model: training, storage and recommending."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Cost:
    """The measured costs; None if not measured, as for models that were trained elsewhere."""

    fit_seconds: float | None = None  # wall time of training, without compilation and reading
    cpu_seconds: float | None = None  # CPU time of all threads
    peak_bytes: int | None = None  # peak memory of training, minus the memory of the process before
    model_bytes: int | None = None  # size of the saved folder
    list_seconds: float | None = None  # median time of a top-10 list for one user

    def as_dict(self) -> dict[str, float | int | None]:
        return asdict(self)
