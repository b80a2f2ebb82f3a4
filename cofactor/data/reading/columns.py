"""Which column is the user, the item, the rating and the time: by the names people give them, or by the names given."""

import re
from collections.abc import Mapping, Sequence

from cofactor.errors import BadData

ROLES = ("user", "item", "rating", "time")
REQUIRED = ROLES[:3]
ALIASES = {"timestamp": "time", "value": "rating"}  # other words for a role in `columns=`

# Compared without case, spaces and punctuation; where several stand in one table, the first of this order is taken.
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

    `chosen` names the column of a role ("" for `time`: leave it out); the other roles go by COMMON_NAMES.
    Raises BadData, with the names there are, for a column that is not there and is `required`.
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
    """`columns=` with the roles' own names; raises BadData for one that is no role or names nothing."""
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
    raise BadData(f"no column {name!r} among {_shown(names)}", "give the name as it stands in the file")


def _common(names: Sequence[str], role: str, taken: Mapping[str, int]) -> int | None:
    plain = [plain_name(name) for name in names]
    places = (plain.index(name) for name in COMMON_NAMES[role] if name in plain)
    return next((place for place in places if place not in taken.values()), None)


def _refuse_one_for_two(names: Sequence[str], found: Mapping[str, int]) -> None:
    for place in set(found.values()):
        roles = [role for role, where in found.items() if where == place]
        if len(roles) > 1:
            raise BadData(f"column {names[place]!r} is named for {' and '.join(roles)}", "one column has one meaning")


def _shown(names: Sequence[str]) -> str:
    cut = [name if len(name) <= 40 else name[:40] + "…" for name in names[:12]]
    listed = ", ".join(cut) + (", …" if len(names) > 12 else "")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in listed)


def plain_name(name: str) -> str:
    """Without case, spaces and punctuation; without the type after the name in a RecBole file ("user_id:token")."""
    return re.sub(r"[\W_]", "", name.partition(":")[0].casefold())
