"""Finds the columns of a table without a header, by their order, by their number, or by the values in them."""

from collections.abc import Mapping, Sequence

from cofactor.data.reading.columns import REQUIRED, ROLES, check_columns, find_columns
from cofactor.data.reading.formats.number_text import is_number
from cofactor.errors import BadData

MOST_STARS = 10  # of a rating; times in seconds, days or years are larger
FEW_ROWS = 5


def find_columns_without_header(
    first: Sequence[str], rows: Sequence[Sequence[str]], chosen: Mapping[str, str] | None = None
) -> dict[str, int]:
    """The position of each role in the rows of a table without a header: user, item, rating and perhaps time.

    first: the cells of the first line. rows: cells of the first rows, of one width. `chosen` may be {"time": ""} to
    ignore the times. Raises BadData where the first line is no rating, and where the rows may be something else.
    """
    given = check_columns(chosen)
    untimed = given.get("time") == ""
    if (set(given) - {"time"}) or (given and not untimed) or not _holds_data(first, rows):
        find_columns(first, chosen)  # raises BadData with the missing role
    width = max((len(REQUIRED), len(ROLES)), key=[len(row) for row in rows].count)
    where = dict(zip(ROLES, range(width), strict=False))
    if untimed:
        where.pop("time", None)
    elif not given and "time" in where:
        _refuse_small_times(rows)
    return where


def _holds_data(first: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first line is data: three or four cells, of which the third is a number there or later."""
    if len(first) not in (len(REQUIRED), len(ROLES)):
        return False
    looked_at = [first] if not first[0].isdigit() else rows
    return any(len(row) > 2 and is_number(row[2]) for row in looked_at)


def _refuse_small_times(rows: Sequence[Sequence[str]]) -> None:
    """Raises BadData for four columns of numbers of which the last cannot be times, as in a matrix of ratings."""
    numeric = all(is_number(cell) or not cell for row in rows for cell in row)
    last = {float(row[3] or 0) for row in rows} if numeric else set()
    if len(rows) >= FEW_ROWS and len(last) > 1 and max(map(abs, last)) <= MOST_STARS:
        shown = ", ".join(row[3] for row in rows[:3])
        raise BadData(
            f"four columns without a header, and the fourth ({shown} …) cannot be times",
            "for a wide table (one row for each user, one column for each item): --layout wide (layout='wide'); "
            "otherwise give the file a header, or leave the fourth column out: --columns time= (columns={'time': ''})",
        )
