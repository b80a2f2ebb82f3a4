"""How the values of a table are to be understood, where that is not left to the table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cofactor.data.reading.meaning.time_rules import named_rule
from cofactor.data.stated_scale import Scale, check_scale
from cofactor.errors import BadData

Repeats = Literal["latest", "first", "sum", "count", "mean", "max"]

MOST_MISSING = 100  # values that mean that there is no rating


@dataclass(frozen=True)
class ValueOptions:
    """The options of `read` that say what values mean; see there. missing: texts."""

    implicit: bool = False
    repeats: Repeats | None = None
    missing: tuple[str, ...] = ()
    time_format: str | None = None
    scale: Scale | None = None
    exact: bool = False  # the table is an export, whose ids and times are as they were

    @classmethod
    def checked(
        cls,
        implicit: bool = False,
        repeats: str | None = None,
        missing: str | float | Iterable[str | float] = (),
        time_format: str | None = None,
        scale: Sequence[float] | None = None,
    ) -> "ValueOptions":
        """The options as a caller gives them; raises BadData for another type and for an unknown time format."""
        if not isinstance(implicit, bool):
            raise BadData(f"implicit is {implicit!r}", "True where the values are counts")
        listed = [missing] if isinstance(missing, str | int | float) else list(missing)
        if not all(isinstance(one, str | int | float) for one in listed) or len(listed) > MOST_MISSING:
            raise BadData(f"missing is {missing!r}"[:80], f"give at most {MOST_MISSING} numbers or texts")
        if time_format is not None:
            named_rule(time_format)
        stated = None if scale is None else check_scale(scale)
        return cls(implicit, check_repeats(repeats), tuple(_text(one) for one in listed), time_format, stated)


def check_repeats(rule: str | None) -> Repeats | None:
    """The rule; raises BadData for an unknown one."""
    if rule is None:
        return None
    for known in get_args(Repeats):
        if rule == known:
            found: Repeats = known
            return found
    raise BadData(f"repeats is {rule!r}", f"one of {', '.join(get_args(Repeats))}")


def _text(value: str | float) -> str:
    return value.strip() if isinstance(value, str) else str(value)
