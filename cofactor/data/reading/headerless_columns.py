"""The columns of a table without a header: user, item, rating, time in this order, unless the cells show otherwise.

Nothing but the cells says what a column is, so a table that may well be another one is an error that lists the choices.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from cofactor.data.reading.columns import (
    OPTIONAL,
    PAIR,
    ROLES,
    AmbiguousColumns,
    check_columns,
    find_columns,
    is_position,
)
from cofactor.data.reading.formats.number_text import is_number
from cofactor.errors import BadData

DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ].*)?", re.ASCII)
LEAST_TIME = 1e8  # seconds: March 1973, earlier than any rating and higher than any rating or count of a table
RECENT = (6e8, 4.1e9)  # seconds: 1989 to 2099
ROWS_TO_COUNT = 10  # rows that count up by one before the first column is taken for the number of the row
ASIN = re.compile(r"(B0[A-Z0-9]{8}|\d{9}[\dX])")
REVIEWER = re.compile(r"A[A-Z0-9]{9,20}")
VALUE = re.compile(  # a rating, as people and programs write it
    r"\s*([+-]?\d+([.,]\d*)?(e[+-]?\d+)?|true|false)\s*", re.ASCII | re.IGNORECASE
)
MOST_STARS = 10  # of a rating; times in seconds, days or years are larger
FEW_ROWS = 5
SHOWN = 24

Row = Sequence[str]


def find_columns_without_header(
    first: Row, rows: Sequence[Row], chosen: Mapping[str, str] | None = None, *, of_movielens: bool = False
) -> dict[str, int]:
    """The position of each role in a table without a header.

    first: the cells of its first line. rows: those of the first lines that have the usual number of cells. Up to four
    columns are user, item, rating and time, in a file of MovieLens without doubt; `chosen` gives the numbers of
    columns, from 1. Raises BadData for a line of names that are not known and for a wider table of which user, item and
    rating are not chosen, and AmbiguousColumns where the cells look like other columns than these.
    """
    given = check_columns(chosen)
    if not all(map(is_position, filter(None, given.values()))) or not (given or _is_data(first, rows)):
        find_columns(first, given)  # raises BadData with the role that is missing
    if not rows:
        raise BadData("no two lines have the same number of columns", "the file needs lines of user, item, rating")
    width = len(rows[0])
    names = [f"column {number}" for number in range(1, width + 1)]
    where = {role: place for role, place in find_columns(names, given, ()).items() if role in given}
    if width > len(ROLES):
        if any(role not in given for role in (*PAIR, "rating")):
            raise _unknown(rows, f"{width} columns without a header")
        return where
    for role, place in zip(ROLES, range(width), strict=False):
        if role not in given and place not in where.values():
            where[role] = place
    missing = [role for role in PAIR if role not in where]
    if missing:
        raise BadData(f"no column for the {' and the '.join(missing)}", f"the columns have the numbers 1 to {width}")
    if not given.keys() - {"time"}:
        _refuse_other_columns(rows, where)
    if not given and "time" in where and not of_movielens:
        _refuse_small_times(rows)
    return {role: where[role] for role in ROLES if role in where}


def is_header_of_numbers(first: Row, rows: Sequence[Row]) -> bool:
    """Whether the first row has text above a column of numbers only, and no number itself."""
    below = [row for row in rows if len(row) == len(first) and list(row) != list(first)]
    return (
        bool(below)
        and not any(map(_is_value, first))
        and any(all(_is_value(row[at]) for row in below) for at in range(len(first)))
    )


def _is_data(first: Row, rows: Sequence[Row]) -> bool:
    """Whether the first line holds data rather than names that nobody knows.

    Data are two cells that are both numbers or of which an id comes again in another row, or more cells, of which the
    third or a later one is a number or a date; a bad one in the first line is in others.
    """
    if len(first) < len(PAIR) or not rows:
        return False
    if len(first) == len(PAIR):
        others = [row for row in rows if list(row) != list(first)]
        return all(map(_is_value, first)) or any(first[at] == row[at] for row in others for at in (0, 1))
    if first[0].isdigit() and any(_is_value(row[2]) for row in rows if len(row) > len(PAIR)):
        return True
    return any(_is_value(cell) for cell in first[2:])


def _refuse_other_columns(rows: Sequence[Row], where: Mapping[str, int]) -> None:
    """Raises AmbiguousColumns where the cells look like times, like numbers of rows or like items before users."""
    width, values = len(rows[0]), [row[where["rating"]] for row in rows] if "rating" in where else []
    if _look_like_times(values):
        rest = ",rating=4" if width == len(ROLES) else ""
        raise AmbiguousColumns(
            f"the third column looks like times ({_shown(values[0])}), not like ratings",
            f"to read it as times: --columns user=1,item=2,time=3{rest}; as ratings: --columns user=1,item=2,rating=3",
        )
    timed = "time" in where and _look_like_times([row[where["time"]] for row in rows])
    if values and not timed and _counts_rows([row[0] for row in rows]):
        places = ",".join(f"{role}={at}" for role, at in zip(ROLES, range(2, width + 1), strict=False))
        places += "" if width == len(ROLES) else ",rating="
        as_is = ",".join(f"{role}={at}" for role, at in zip(ROLES, range(1, width + 1), strict=False))
        raise AmbiguousColumns(
            f"the first column counts the rows ({_shown(rows[0][0])}, {_shown(rows[1][0])}, …): is it the user?",
            f"without it: --columns {places}; if it is the user: --columns {as_is}",
        )
    if values and sum(VALUE.fullmatch(cell) is not None for cell in values) * 2 < len(values):
        raise _unknown(rows, f"the third of {width} columns without a header does not look like ratings")
    if _items_first(rows):
        rest = "".join(f",{role}={place + 1}" for role, place in where.items() if role in OPTIONAL)
        raise AmbiguousColumns(
            f"the first column looks like items ({_shown(rows[0][0])}) and the second like users "
            f"({_shown(rows[0][1])})",
            f"to read it so: --columns user=2,item=1{rest}; the other way round: --columns user=1,item=2{rest}",
        )


def _refuse_small_times(rows: Sequence[Sequence[str]]) -> None:
    """Raises BadData for four columns of numbers of which the last cannot be times, as in a matrix of ratings."""
    cells = [cell for row in rows for cell in row if cell]
    last = {row[3] for row in rows}
    small = all(is_number(cell) and abs(float(cell)) <= MOST_STARS for cell in cells)
    if len(rows) >= FEW_ROWS and len(last) > 1 and small:
        shown = ", ".join(row[3] for row in rows[:3])
        raise BadData(
            f"four columns without a header, and the fourth ({shown} …) cannot be times",
            "for a wide table (one row for each user, one column for each item): --layout wide (layout='wide'); "
            "otherwise give the file a header, or leave the fourth column out: --columns time= (columns={'time': ''})",
        )


def _unknown(rows: Sequence[Row], what: str) -> AmbiguousColumns:
    cells = "; ".join(f"{number} {_shown(cell)!r}" for number, cell in enumerate(rows[0][:12], 1))
    return AmbiguousColumns(
        f"{what}: {cells}",
        f"say which is which by their numbers, as in --columns {_likely_columns(rows)} (rating= and time= for none); "
        "a wide table, with a column for each item, is read with --layout wide (layout='wide')",
    )


def _likely_columns(rows: Sequence[Row]) -> str:
    """The columns by number that the cells suggest: ids that are never empty, the last numbers, and times."""
    columns = list(zip(*rows, strict=True))
    times = [at for at, cells in enumerate(columns) if _look_like_times(cells) and _are_recent(cells)]
    ids = [
        at
        for at, cells in enumerate(columns)
        if at not in times and not _counts_rows(cells) and all(cell.strip() for cell in cells)
    ]
    numbers = [at for at in ids[1:] if len(set(columns[at])) > 1 and all(map(VALUE.fullmatch, columns[at]))]
    value = numbers[-1:] if len(ids) > len(PAIR) else []
    places = [*(at for at in ids if at not in value), 0, 1][: len(PAIR)]
    found = zip(ROLES, (places[0], places[1], value[0] if value else None, times[0] if times else None), strict=True)
    return ",".join(
        f"{role}={'' if at is None else at + 1}" for role, at in found if at is not None or role == "rating"
    )


def _is_value(cell: str) -> bool:
    return is_number(cell) or DATE.fullmatch(cell) is not None


def _look_like_times(cells: Sequence[str]) -> bool:
    return bool(cells) and all(
        DATE.fullmatch(cell) or (is_number(cell) and float(cell) >= LEAST_TIME) for cell in cells
    )


def _are_recent(cells: Sequence[str]) -> bool:
    """Whether numbers are moments of 1989 to 2099 in a unit of time, as those of ids seldom are."""
    numbers = [float(cell) for cell in cells if is_number(cell)]
    return not numbers or any(
        all(RECENT[0] * unit <= number < RECENT[1] * unit for number in numbers) for unit in (1, 1e3, 1e6, 1e9)
    )


def _counts_rows(cells: Sequence[str]) -> bool:
    if len(cells) < ROWS_TO_COUNT or not all(cell.isdecimal() and len(cell) < 16 for cell in cells):
        return False
    return all(int(later) - int(cell) == 1 for cell, later in pairwise(cells))


def _items_first(rows: Sequence[Row]) -> bool:
    """Whether the ids say so: u1, user_1 or Amazon's reviewers in the second column, and none of these in the first."""
    first, second = [row[0] for row in rows], [row[1] for row in rows]
    if all(map(ASIN.fullmatch, first)) and all(map(REVIEWER.fullmatch, second)):
        return True
    users = [re.compile(r"(user|usr|u|customer|cust|reviewer|member)[-_ ]?\d+", re.IGNORECASE).fullmatch]
    return all(map(users[0], second)) and not any(map(users[0], first)) and not all(map(str.isdecimal, first))


def _shown(cell: str) -> str:
    cut = cell if len(cell) <= SHOWN else cell[:SHOWN] + "…"
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in cut)
