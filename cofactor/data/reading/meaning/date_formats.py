"""The formats of dates that are not ISO: with the day or the month first, or with the name of a month."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from cofactor.errors import BadData

CLOCK = r"(?:(,? |T)(\d{1,2}):\d{2}(:\d{2})?(\.\d{1,6})?( ?[AaPp][Mm])?)?"
DATE = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){CLOCK}", re.ASCII)
YEAR_FIRST = re.compile(rf"\d{{4}}\.\d{{1,2}}\.\d{{1,2}}{CLOCK}", re.ASCII)
CLOCKS = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", ", %H:%M:%S", ", %H:%M")
NAMED = (
    *(f"{date}{clock}" for date in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %d %Y") for clock in CLOCKS),
    *(f"{date}{clock}" for date in ("%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%m %d, %Y") for clock in CLOCKS),
    *("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%a, %d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z"),
    *("%d/%b/%Y:%H:%M:%S %z", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S%z", "%Y-%m", "%Y/%m"),
    *("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p"),
)
TRIED = 20  # texts that the formats with names are tried on
MOST_FORMATS = 6
DAYS, MONTHS = 31, 12
PIVOT = 69  # two digits from which on a year is one of 1969 to 1999


def find_formats(texts: Sequence[str]) -> list[str]:
    """The formats of most of the dates among some texts, the most frequent first; empty where they are none.

    The order of day and month is that which fits most dates. Raises BadData where both fit all of them; dates with dots
    have the day first.
    """
    dates = [found for text in texts if (found := DATE.fullmatch(text))]
    if len(dates) * 2 >= len(texts) > 0:
        return _year_formats(dates) or _day_formats(dates)
    year_first = [found for text in texts if (found := YEAR_FIRST.fullmatch(text))]
    if len(year_first) * 2 >= len(texts) > 0:
        return _most_common([f"%Y.%m.%d{_clock_format(*found.groups())}" for found in year_first])
    return _most_common([one for text in texts[:TRIED] for one in NAMED if _follows(text, one)])


def _year_formats(dates: Sequence[re.Match[str]]) -> list[str]:
    """The formats of dates such as 17-07-14 that begin with the year; empty where they may not.

    Of two digits at both ends, that which would be a year to come is the day. Raises BadData where both may be years.
    """
    if not all(re.fullmatch(r"\d{2}([-/])\d{2}\1\d{2}", found[0][:8]) and len(found[4]) == 2 for found in dates):
        return []
    if not all(int(found[3]) <= MONTHS and 1 <= int(found[4]) <= DAYS for found in dates):
        return []
    this_year = date.today().year % 100
    last_is_year = not any(this_year < int(found[4]) < PIVOT for found in dates)
    if any(this_year < int(found[1]) < PIVOT for found in dates) and last_is_year:
        return []
    if last_is_year:
        forms = [_clocked(dates[0], order) for order in ("ymd", "dmy")]
        raise BadData(
            f"times such as {dates[0].string[:40]!r} may have the year or the day first",
            f"say which it is: --time-format '{forms[0]}' or --time-format '{forms[1]}' (time_format=… in Python)",
        )
    return _most_common([_clocked(found, "ymd") for found in dates])


def _clocked(found: re.Match[str], order: str) -> str:
    return found[2].join(f"%{part}" for part in order) + _clock_format(*found.groups()[4:])


def _day_formats(dates: Sequence[re.Match[str]]) -> list[str]:
    day_first = sum(int(found[1]) <= DAYS and int(found[3]) <= MONTHS for found in dates)
    month_first = sum(int(found[1]) <= MONTHS and int(found[3]) <= DAYS for found in dates)
    dotted = all(found[2] == "." for found in dates)
    if day_first == month_first and not dotted:
        forms = [_date_format(dates[0], order) for order in ("dm", "md")]
        raise BadData(
            f"times such as {dates[0].string[:40]!r} may have the day or the month first",
            f"say which it is: --time-format '{forms[0]}' or --time-format '{forms[1]}' (time_format=… in Python)",
        )
    order = "dm" if day_first >= month_first else "md"
    return _most_common([_date_format(found, order) for found in dates])


def _date_format(found: re.Match[str], order: str) -> str:
    year = "%Y" if len(found[4]) == 4 else "%y"
    return found[2].join((f"%{order[0]}", f"%{order[1]}", year)) + _clock_format(*found.groups()[4:])


def _clock_format(between: str | None, hour: str | None, second: str | None, part: str | None, half: str | None) -> str:
    if not hour:
        return ""
    clock = f"{'%I' if half else '%H'}:%M{':%S' if second else ''}{'.%f' if part else ''}"
    return f"{between}{clock}{(' ' if half.startswith(' ') else '') + '%p' if half else ''}"


def _follows(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # only whether it can be read
    except ValueError:
        return False
    return True


def _most_common(formats: Sequence[str]) -> list[str]:
    return [form for form, _ in Counter(formats).most_common(MOST_FORMATS)]
