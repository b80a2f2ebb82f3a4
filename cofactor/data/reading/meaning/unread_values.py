"""Looks for ratings in a table in which no column of ratings or counts was found: none is left out in silence."""

import re
from collections.abc import Mapping, Sequence

from cofactor.data.reading.columns import AmbiguousColumns, plain_name, shown_names
from cofactor.data.reading.formats.number_text import is_number
from cofactor.data.reading.meaning.value_rules import BOOLEAN

SAMPLE = 200  # rows that are looked at
FEW = 50  # different values that a column of ratings has among them
OTHER_NUMBERS = (
    *(
        "id",
        "key",
        "code",
        "zip",
        "zipcode",
        "age",
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "week",
        "index",
    ),
    *("category", "genre", "price", "cost", "revenue", "lat", "lon", "latitude", "longitude", "number", "no", "row"),
    *("time", "date", "timestamp", "duration", "length", "size", "order", "rank", "position", "page", "session"),
)  # endings of the names of numbers that are no ratings
MOST_NAMED = 8
HIGHEST = 100  # of a scale with more values than FEW
OPINIONS = ("like", "recommend", "favo", "thumb", "upvote")  # in names of columns of true and false that are ratings
NO_VALUES = frozenset(("", "nan", "na", "n/a", "none", "null", r"\n", "<na>"))
NEARLY_NUMBER = re.compile(r"[+-]?\d+([.,'\u2019\u00a0\u202f]\d+)*\s*%?|[★☆⭐½]+")  # with commas, percents or stars


def check_unread_columns(
    names: Sequence[str], where: Mapping[str, int], cells: Mapping[int, Sequence[str]]
) -> list[str]:
    """A note on the columns that are not read of a table of pairs; `cells` are the first ones by position of a column.

    Raises AmbiguousColumns where one of them may well be the ratings: numbers of few different values.
    """
    places = [place for place, name in enumerate(names) if place not in where.values() and name.strip()]
    likely = [place for place in places if _may_be_values(names[place], cells.get(place, ()))]
    if likely:
        listed = shown_names([names[place] for place in likely])
        first = shown_names([names[likely[0]]])
        raise AmbiguousColumns(
            f"no column is known to hold ratings; it may be {' or '.join(listed.split(', '))}",
            f"to read it: --columns rating={first}, with --implicit for counts; for interactions without a value: "
            "--columns rating= (columns={'rating': ...} in Python)",
        )
    if not places or len(places) > MOST_NAMED:
        return []
    return [f"each row is an interaction without a value; not read: {shown_names([names[place] for place in places])}"]


def _may_be_values(name: str, cells: Sequence[str]) -> bool:
    plain = plain_name(name)
    if not plain or plain.endswith(OTHER_NUMBERS):
        return False
    different = {cell.strip() for cell in cells if cell.strip().lower() not in NO_VALUES}
    if len(different) < 2:
        return False
    if all(BOOLEAN.fullmatch(cell) for cell in different):
        return any(word in plain for word in OPINIONS)
    if all(map(is_number, different)):
        return len(different) <= FEW or all(abs(float(cell)) <= HIGHEST for cell in different)
    return len(different) <= FEW and all(map(NEARLY_NUMBER.fullmatch, different))
