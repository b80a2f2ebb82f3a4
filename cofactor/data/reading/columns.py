"""Finds the columns of users, items, ratings and times, by common names or by the names a caller gives."""

import re
from collections.abc import Mapping, Sequence

from cofactor.errors import BadData

ROLES = ("user", "item", "rating", "time")
REQUIRED = ROLES[:3]
ALIASES = {"timestamp": "time", "value": "rating"}  # other names of a role in `columns=`

# Compared without case, spaces and punctuation; where a table has several of them, the first in this order is used.
COMMON_NAMES = {
    "user": (
        *("userid", "user", "uid", "userno", "username", "usrid", "usr", "customerid", "customer", "reviewerid"),
        *("reviewer", "memberid", "member", "visitorid", "accountid", "profilename"),
    ),
    "item": (
        *("itemid", "item", "iid", "movieid", "movie", "mid", "filmid", "film", "productid", "product", "asin"),
        *("parentasin", "isbn", "bookid", "book", "songid", "song", "trackid", "track", "artistid", "artist"),
        *("gameid", "game", "appid", "animeid", "anime", "businessid", "gmapid", "recipeid", "jokeid", "articleid"),
    ),
    "rating": (
        *("rating", "ratings", "ratingvalue", "userrating", "bookrating", "movierating", "reviewscore"),
        *("reviewoverall", "score", "scores", "stars", "star", "starrating", "value", "overall", "preference"),
    ),
    "time": (
        *("timestamp", "time", "ts", "unixtime", "unixtimestamp", "unixreviewtime", "datetime", "date", "reviewdate"),
        *("ratingdate", "ratedat", "createdat", "reviewtime"),
    ),
}


def find_columns(
    names: Sequence[str], chosen: Mapping[str, str] | None = None, required: Sequence[str] = REQUIRED
) -> dict[str, int]:
    """The position of each role among the names of a table's columns; "time" only where there is one.

    `chosen` names the column of a role ("" for `time`: ignore the times); other roles are found by COMMON_NAMES.
    Raises BadData, with the names of the table, where a `required` column is missing.
    """
    given = check_columns(chosen)
    found: dict[str, int] = {}
    for role in ROLES:
        place = _named(names, given[role]) if role in given else _common(names, role, found)
        if place is not None:
            found[role] = place
    missing = [role for role in required if role not in found]
    if missing:
        raise BadData(
            f"no column for the {' and the '.join(missing)} among {_shown(names)}",
            f"say which it is: --columns {','.join(f'{role}=NAME' for role in required)} (columns={{...}} in Python)",
        )
    _refuse_one_for_two(names, found)
    return found


def check_columns(chosen: Mapping[str, str] | None) -> dict[str, str]:
    """`columns=` with the names of the roles; raises BadData for an unknown role and for an empty name."""
    given = {ALIASES.get(role, role): name for role, name in (chosen or {}).items()}
    for role, name in given.items():
        if role not in ROLES:
            raise BadData(f"columns: {role!r} is not one of {', '.join(ROLES)}", "columns={'user': 'NAME', ...}")
        if not isinstance(name, str) or not (name or role == "time"):
            raise BadData(f"columns: the {role} column is {name!r}", "give the name of a column")
    return given


def _named(names: Sequence[str], name: str) -> int | None:
    if not name:
        return None
    if name in names:
        return list(names).index(name)
    raise BadData(f"no column {name!r} among {_shown(names)}", "give the name as it is written in the file")


def _common(names: Sequence[str], role: str, taken: Mapping[str, int]) -> int | None:
    plain = [plain_name(name) for name in names]
    places = (plain.index(name) for name in COMMON_NAMES[role] if name in plain)
    return next((place for place in places if place not in taken.values()), None)


def _refuse_one_for_two(names: Sequence[str], found: Mapping[str, int]) -> None:
    for place in set(found.values()):
        roles = [role for role, where in found.items() if where == place]
        if len(roles) > 1:
            raise BadData(
                f"column {names[place]!r} is named for {' and '.join(roles)}", "name a column of its own for each"
            )


def _shown(names: Sequence[str]) -> str:
    cut = [name if len(name) <= 40 else name[:40] + "…" for name in names[:12]]
    listed = ", ".join(cut) + (", …" if len(names) > 12 else "")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in listed)


def plain_name(name: str) -> str:
    """A name without case, spaces, punctuation and the type that follows it in RecBole files."""
    return re.sub(r"[\W_]", "", name.partition(":")[0].casefold())
