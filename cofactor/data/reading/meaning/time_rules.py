"""What the times of a column are: numbers of a unit since 1970, dates of one format, or day numbers of Excel.

One rule holds for a whole column, and each value is checked against it: a value of another unit or format is a bad row,
and never changes how the others are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np

from cofactor.arrays import Array, Times
from cofactor.data.duckdb_connection import quoted, shared_connection
from cofactor.data.reading.formats.number_text import is_number
from cofactor.data.reading.meaning.date_formats import find_formats
from cofactor.errors import BadData

BLOCK = 1 << 20  # times that are looked at together
SECOND = 1_000_000  # microseconds, in which all rules give times
EARLIEST, LATEST = -30_610_224_000 * SECOND, 253_402_300_800 * SECOND  # years 1000 to 9999
# The largest time of a unit: seconds this high are in the year 5138, and milliseconds this low in 1973.
UNITS = {"s": (0, 1e11), "ms": (1e11, 1e14), "us": (1e14, 1e17), "ns": (1e17, 1e19)}
UNIT_NAMES = {
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
}
YEARS = (1900, 2100)
EXCEL_DAYS = (32_874, 73_051)  # 1990 to 2099
EXCEL_1970 = 25_569
COMPACT = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
DIGITS = {"%d%m%Y": 8, "%m%d%Y": 8, "%Y%m": 6, "%y%m%d": 6}
FEW_DATES = 3  # different numbers, of which all may be dates
HINT = "one of s, ms, us, ns, iso, year, excel, or a format such as %d/%m/%Y"


@dataclass(frozen=True)
class TimeRule:
    """How the times of a column are read.

    name: what they are, for messages. sql: SQL for the microseconds since 1970 of a text `{t}`, NULL where it is no
    such time. number_sql: the same for a number `{x}`; without one, numbers are read as text.
    """

    name: str
    sql: str
    number_sql: str | None = None

    def microseconds(self, cell: str, *, number: bool = False) -> str:
        """SQL for the microseconds since 1970 of a cell, which is text or a number; NULL where it is no such time."""
        if not number:
            return self.sql.format(t=cell)
        if self.number_sql is None:
            return self.sql.format(t=f"CAST(CAST({cell} AS BIGINT) AS VARCHAR)")
        return self.number_sql.format(x=cell)


def to_seconds(microseconds: Times) -> Array:
    """(n,) seconds since 1970: int64 where all are whole, float64 otherwise."""
    blocks = range(0, len(microseconds), BLOCK)
    if any((microseconds[start : start + BLOCK] % SECOND).any() for start in blocks):  # without another large array
        return microseconds / SECOND
    whole: Times = microseconds // SECOND
    return whole


def numbers_to_seconds(numbers: Times, *, exported: bool = False) -> Array:
    """(n,) seconds since 1970 of numbers of the unit that most of them have; raises BadData for one of another unit.

    exported: whether `export` wrote them: seconds, or microseconds where all of them are as large as these.
    """
    size = np.abs(numbers)
    if exported:
        return to_seconds(numbers) if len(size) and size.min() >= UNITS["us"][0] else numbers
    unit = _find_unit(size)
    low, high = UNITS[unit]
    other = np.flatnonzero(((size < low) | (size >= high)) & (size > 0))
    if len(other):
        message = f"time {numbers[other[0]]} is not in {UNIT_NAMES[unit]}, as others are"
        raise BadData(message, "correct it; to read without the times: --columns time= (columns={'time': ''})")
    if unit == "s":
        return numbers
    return to_seconds(numbers // 1000 if unit == "ns" else numbers * (1000 if unit == "ms" else 1))


def named_rule(name: str) -> TimeRule:
    """The rule of a name (a unit, "iso", "year", "excel") or of a format; raises BadData for another name."""
    if not isinstance(name, str):
        raise BadData(f"unknown time format {name!r}", HINT)
    if name in UNITS:
        return _unit_rule(name)
    if name in (known := {"iso": ISO, "year": YEAR, "excel": EXCEL}):
        return known[name]
    if "%" not in name:
        raise BadData(f"unknown time format {name!r}", HINT)
    try:
        with shared_connection() as connection:  # the default one is the caller's
            connection.execute(f"SELECT try_strptime('', {quoted(name)})")
    except duckdb.Error:
        raise BadData(f"time format {name!r} is not understood", HINT) from None
    return _format_rule([name])


def find_rule(connection: duckdb.DuckDBPyConnection, texts: Sequence[str]) -> TimeRule:
    """The rule that most of the texts follow; blank ones are passed over.

    Raises BadData where most are dates that may be day or month first, or numbers that may be days of Excel.
    """
    given = [text.strip() for text in texts if text.strip()]
    numbers = [text for text in given if is_number(text)]
    if given and len(numbers) * 2 >= len(given):
        return _number_rule(connection, numbers)
    counts = _count(connection, given, {"iso": ISO.sql})
    if counts["iso"] * 2 >= len(given):
        return ISO
    if _count(connection, given, {"": ISO_COMMA.sql})[""] * 2 >= len(given):
        return ISO_COMMA
    formats = find_formats(given)
    return _format_rule(formats) if formats else ISO


def _number_rule(connection: duckdb.DuckDBPyConnection, texts: Sequence[str]) -> TimeRule:
    """The rule of numbers: years, dates written without separators, or the unit that most of them have."""
    values = np.array([float(text) for text in texts])
    whole = [f"{value:.0f}" for value in values.tolist() if value.is_integer() and abs(value) < 1e15]
    compact = {length: [text for text in whole if len(text) == length] for length in COMPACT}
    for length, written in compact.items():
        if len(written) * 2 > len(texts):
            rule = _compact_rule(length)
            if _count(connection, written, {"": rule.sql})[""] == len(written):
                return rule
    if len(whole) == len(values) and YEARS[0] <= values.min() and values.max() <= YEARS[1]:
        return YEAR
    _refuse_digits_of_dates([value for value in whole if len(whole) == len(values)])
    if EXCEL_DAYS[0] <= values.min() and values.max() < EXCEL_DAYS[1]:
        raise BadData(
            f"times such as {texts[0]} may be day numbers of Excel or seconds since 1970",
            "say which they are: --time-format excel or --time-format s (time_format='excel' in Python)",
        )
    return _unit_rule(_find_unit(np.abs(values)))


def _refuse_digits_of_dates(numbers: Sequence[str]) -> None:
    """Raises BadData for numbers that are seconds of 1970 by their size, and dates without separators by their digits.

    Numbers that have lost the zero in front, as 1072017 has, are among them.
    """
    if len(set(numbers)) < FEW_DATES:
        return
    for form, length in DIGITS.items():
        if all(length - 1 <= len(number) <= length and _is_date(number.zfill(length), form) for number in numbers):
            raise BadData(
                f"times such as {numbers[0]} may be dates of the form {form} or seconds since 1970",
                f"say which they are: --time-format '{form}' or --time-format s (time_format='{form}' in Python)",
            )


def _is_date(number: str, form: str) -> bool:
    try:
        return YEARS[0] <= datetime.strptime(number, form).year <= YEARS[1]
    except ValueError:
        return False


def _find_unit(size: Array) -> str:
    """The unit that most numbers have by their size; 0 is the same moment in every unit."""
    counts = {unit: int(((size >= low) & (size < high)).sum()) for unit, (low, high) in UNITS.items()}
    counts["s"] -= int((size == 0).sum())
    return max(counts, key=lambda unit: counts[unit])


def _count(connection: duckdb.DuckDBPyConnection, texts: Sequence[str], rules: dict[str, str]) -> dict[str, int]:
    """How many of the texts follow each rule."""
    counted = ", ".join(f"count({sql.format(t='t')})" for sql in rules.values())
    found = connection.execute(f"SELECT {counted} FROM (SELECT unnest(?::VARCHAR[]) AS t)", [list(texts)]).fetchone()
    assert found is not None
    return dict(zip(rules, found, strict=True))


def _unit_rule(unit: str) -> TimeRule:
    low, high = UNITS[unit]
    factor = {"s": "* 1000000", "ms": "* 1000", "us": "", "ns": "/ 1000"}[unit]
    size = "abs(TRY_CAST({t} AS DOUBLE))"
    held = f"{size} >= {low:.0f} AND {size} < {high:.0f} OR TRY_CAST({{t}} AS DOUBLE) = 0"
    if unit in ("us", "ns"):  # more digits than a double has
        text = f"CAST(TRY_CAST({{t}} AS BIGINT) // {1 if unit == 'us' else 1000} AS BIGINT)"
    else:
        text = f"CAST(round(TRY_CAST({{t}} AS DOUBLE) {factor}) AS BIGINT)"
    number = "CAST(round({x} * 1000000) AS BIGINT)" if unit == "s" else f"CAST(round({{x}} {factor}) AS BIGINT)"
    number = "CAST({x} // 1000 AS BIGINT)" if unit == "ns" else number
    held_number = f"abs({{x}}) >= {low:.0f} AND abs({{x}}) < {high:.0f} OR {{x}} = 0"
    return TimeRule(UNIT_NAMES[unit], f"CASE WHEN {held} THEN {text} END", f"CASE WHEN {held_number} THEN {number} END")


def _format_sql(formats: Sequence[str]) -> str:
    listed = ", ".join(quoted(one) for one in formats).replace("{", "{{").replace("}", "}}")
    return _in_range(f"epoch_us(try_strptime(trim({{t}}), [{listed}]))")


def _format_rule(formats: Sequence[str]) -> TimeRule:
    return TimeRule(f"dates of the form {' or '.join(formats[:2])}", _format_sql(formats))


def _compact_rule(length: int) -> TimeRule:
    dates = f"epoch_us(try_strptime({_DIGITS}, '{COMPACT[length]}'))"
    low, high = (f"'{year}-01-01'::TIMESTAMP" for year in YEARS)
    moment = f"{dates} BETWEEN epoch_us({low}) AND epoch_us({high})"
    return TimeRule(
        f"dates of the form {COMPACT[length]}",
        f"CASE WHEN length({_DIGITS}) = {length} AND {moment} THEN {dates} END",
    )


def _in_range(microseconds: str) -> str:
    return f"CASE WHEN {microseconds} BETWEEN {EARLIEST} AND {LATEST} THEN {microseconds} END"


EXPORTED = TimeRule(
    UNIT_NAMES["s"],
    "TRY_CAST(round(TRY_CAST({t} AS DOUBLE) * 1000000) AS BIGINT)",
    "CAST(round({x} * 1000000) AS BIGINT)",
)  # of a table that `export` wrote, whatever their size
_DIGITS = "replace(trim({t}), '.0', '')"  # of a whole number
ISO = TimeRule("dates of the form 2017-07-14", _in_range("epoch_us(TRY_CAST({t} AS TIMESTAMPTZ))"))
ISO_COMMA = TimeRule(
    "dates of the form 2017-07-14 10:20:30,5", _in_range("epoch_us(TRY_CAST(replace({t}, ',', '.') AS TIMESTAMPTZ))")
)
YEAR = TimeRule(
    "years",
    f"CASE WHEN length({_DIGITS}) = 4 AND TRY_CAST({{t}} AS INTEGER) BETWEEN {YEARS[0]} AND {YEARS[1]} "
    "THEN epoch_us(make_date(TRY_CAST({t} AS INTEGER), 1, 1)::TIMESTAMP) END",
)
_DAY = f"CAST(round(({{x}} - {EXCEL_1970}) * 86400000) * 1000 AS BIGINT)"
_EXCEL = f"CASE WHEN abs({{x}}) < 2958466 THEN {_DAY} END"
EXCEL = TimeRule("day numbers of Excel", _EXCEL.replace("{x}", "TRY_CAST({t} AS DOUBLE)"), _EXCEL)
DATED = TimeRule("dates", ISO.sql, "epoch_us({x})")  # a column of dates, not of text
