"""Times in seconds since 1970 as dates, for people."""

from datetime import UTC, datetime

import numpy as np

from cofactor.arrays import Array, Times

MICROSECONDS = 9e12  # seconds: times that are farther from 1970 do not fit a datetime64 of microseconds


def format_date(seconds: float) -> str:
    """The day of a time in UTC, as in "2017-07-14"; the number where it is outside the years 1 to 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return f"{seconds:.0f} s since 1970"


def format_span(times: Times) -> str:
    """The first and the last day of (n,) times, n > 0."""
    first, last = format_date(float(times.min())), format_date(float(times.max()))
    return first if first == last else f"{first} to {last}"


def format_time(moment: float) -> str:
    """Seconds since 1970 as a date, with the time of day where it is not midnight, in UTC."""
    try:
        written = datetime.fromtimestamp(moment, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        return str(moment)
    return written.removesuffix("+00:00").removesuffix("T00:00:00")


def as_datetimes(times: Times) -> Array:
    """(n,) times as datetime64 in UTC, of microseconds; of seconds where one is too far from 1970 for that."""
    if len(times) and float(np.abs(times.astype(np.float64)).max()) > MICROSECONDS:
        return times.astype(np.int64).astype("datetime64[s]")
    whole = np.floor(times).astype(np.int64)
    rest = np.round((times - whole) * 1e6).astype(np.int64)
    return (whole * 1_000_000 + rest).astype("datetime64[us]")
