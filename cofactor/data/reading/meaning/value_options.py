"""How the values of a table are to be understood, where that is not left to the table."""

from dataclasses import dataclass

from cofactor.data.reading.meaning.repeats import check_repeats
from cofactor.errors import BadData


@dataclass(frozen=True)
class ValueOptions:
    """The options of `read` that say what values mean; see there."""

    implicit: bool = False  # the values are counts
    repeats: str | None = None  # what becomes of rows of one pair

    def __post_init__(self) -> None:
        check_repeats(self.repeats)
        if not isinstance(self.implicit, bool):
            raise BadData(f"implicit is {self.implicit!r}", "True where the values are counts")
