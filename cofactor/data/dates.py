"""Times in seconds since 1970 as dates, for people."""

from datetime import UTC, datetime

from cofactor.arrays import Times


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
