"""Finds the columns of users, items, ratings and times, by common names or by the names or numbers a caller gives."""

import re
from collections.abc import Mapping, Sequence

from cofactor.data.kind import Kind
from cofactor.errors import BadData

ROLES = ("user", "item", "rating", "time")
REQUIRED = ROLES[:3]
PAIR = ROLES[:2]  # a table without a column of values is one of pairs
OPTIONAL = ROLES[2:]  # columns that can be left out
ALIASES = {"timestamp": "time", "value": "rating"}  # other names of a role in `columns=`

# Names are compared without case, spaces and punctuation. Names of one line mean the same thing, and of several in a
# table the first is used. Two things that may both be the item, or the rating, are an error.
_USERS = (
    *("userid", "user", "uid", "userno", "username", "usrid", "usr", "customerid", "customer", "reviewerid"),
    *("reviewer", "memberid", "member", "visitorid", "accountid", "profilename", "reviewprofilename", "buyerid"),
    *("listenerid", "viewerid", "readerid", "playerid", "clientid", "subscriberid", "sessionid", "session"),
    *("benutzerid", "benutzer", "nutzerid", "nutzer", "kundennummer", "kundenid", "kunde", "utilisateur", "usuario"),
    *("idutilisateur", "idusuario", "cliente", "utente", "gebruiker", "klant", "用户id", "用户"),
)
_ITEMS = (
    ("itemid", "item", "iid"),
    ("movieid", "movie", "mid", "filmid", "film", "pelicula", "película", "电影id", "电影"),
    (
        *("asin", "parentasin", "productid", "product", "sku", "stockcode", "artikelnummer", "artikelid", "artikel"),
        *("produktid", "produkt", "produit", "producto", "prodotto", "produto", "商品id", "商品"),
    ),
    ("isbn", "bookid", "book"),
    ("songid", "song", "trackid", "track"),
    ("artistid", "artist"),
    ("gameid", "game", "appid", "app"),
    ("animeid", "anime"),
    ("mangaid", "manga"),
    ("businessid", "gmapid", "restaurantid", "restaurant", "placeid", "poiid", "venueid", "hotelid", "hotel"),
    ("recipeid", "recipe"),
    ("jokeid", "joke"),
    ("articleid", "article", "newsid", "postid", "storyid"),
    ("videoid", "video"),
    ("courseid", "course"),
    ("beerid", "beerbeerid", "beer"),
    ("wineid", "wine"),
    ("showid", "seriesid", "podcastid", "episodeid"),
)
_RATINGS = (  # the user's own rating comes before a rating, which may be the mean of the item, and that before a value
    (
        *("userrating", "userscore", "userstars", "myrating", "myscore", "mystars", "yourrating", "reviewerrating"),
        *("ownrating", "givenrating"),
    ),
    (
        *("rating", "ratings", "ratingvalue", "bookrating", "movierating", "reviewrating", "reviewscore", "stars"),
        *("reviewoverall", "overallrating", "score", "scores", "star", "starrating", "overall"),
        *("bewertung", "sterne", "puntuacion", "puntuación", "calificacion", "calificación", "valoracion"),
        *("valoración", "valutazione", "avaliacao", "avaliação", "评分"),
    ),
    ("value", "preference"),
)
_COUNTS = (
    *("plays", "playcount", "playcounts", "nplays", "numplays", "totalplays", "listens", "listencount", "scrobbles"),
    *("n", "weight", "weights", "count", "counts", "cnt", "frequency", "freq", "clicks", "click", "nclicks"),
    *("clickcount", "views", "viewcount", "nviews", "visits", "visitcount", "hours", "hoursplayed", "playtime"),
    *("playtimeforever", "watchratio", "watchtime", "watchcount", "quantity", "qty", "purchases", "npurchases"),
    *("purchasecount", "strength", "confidence", "msplayed", "pageviews", "menge", "anzahl", "quantité", "cantidad"),
)
_TIMES = (
    *("timestamp", "time", "ts", "unixtime", "unixtimestamp", "unixreviewtime", "datetime", "date", "reviewdate"),
    *("ratingdate", "ratedat", "createdat", "reviewtime", "eventtime", "playedat", "listenedat", "viewedat"),
    *("watchedat", "invoicedate", "orderdate", "purchasedate", "tdat", "datum", "zeitpunkt", "zeitstempel", "fecha"),
    *("时间", "日期"),
)
COMMON_NAMES = {
    "user": _USERS,
    "item": tuple(name for names in _ITEMS for name in names),
    "rating": tuple(name for names in (*_RATINGS, _COUNTS) for name in names),
    "time": _TIMES,
}


class AmbiguousColumns(BadData):
    """Several columns may be the one of a role, and the caller has to choose."""


def find_columns(
    names: Sequence[str], chosen: Mapping[str, str] | None = None, required: Sequence[str] = PAIR
) -> dict[str, int]:
    """The position of each role among the names of a table's columns; "rating" and "time" only where there is one.

    `chosen` gives the name of a column for a role, or its number from 1 where no column has that name ("" for `rating`
    and `time`: there is none); other roles are found by common names. Raises BadData, with the names of the table,
    where a `required` column is missing, and AmbiguousColumns where several may be it.
    """
    given = check_columns(chosen)
    named = {role: _named(names, given[role]) for role in ROLES if role in given}
    found = {role: place for role, place in named.items() if place is not None}
    _refuse_one_for_two(names, found)
    for role in ROLES:
        if role not in given and (place := _common(names, role, found)) is not None:
            found[role] = place
    if "item" not in found and "item" not in given and "user" in found and "rating" in found:
        ids = [place for place, name in enumerate(names) if plain_name(name) == "id" and place not in found.values()]
        found |= {"item": ids[0]} if len(ids) == 1 else {}
    missing = [role for role in required if role not in found]
    if missing:
        raise _missing(names, missing, found)
    return {role: found[role] for role in ROLES if role in found}


def check_columns(chosen: Mapping[str, str] | None) -> dict[str, str]:
    """`columns=` with the names of the roles; raises BadData for an unknown role and for an empty name.

    A number that is not text, as data frames have for columns without a name, is the name or place that it reads as.
    """
    named: Mapping[str, object] = chosen or {}
    texts = {role: name if isinstance(name, str) else _as_name(name) for role, name in named.items()}
    given = {ALIASES.get(role, role): name for role, name in texts.items()}
    for role, name in given.items():
        if role not in ROLES:
            raise BadData(f"columns: {role!r} is not one of {', '.join(ROLES)}", "columns={'user': 'NAME', ...}")
        if not (name or role in OPTIONAL):
            raise BadData(f"columns: the {role} column is {name!r}", "give the name of a column")
    return given


def _as_name(name: object) -> str:
    if isinstance(name, int) and not isinstance(name, bool):
        return str(name)
    raise BadData(f"columns: {name!r} names no column", "give the name of a column, or its number from 1")


def has_known_name(names: Sequence[str], chosen: Mapping[str, str] | None) -> bool:
    """Whether one of the names is common, or given by the caller: a line with such a name is a header."""
    common = {name for role in ROLES for name in COMMON_NAMES[role]}
    given = {name for name in check_columns(chosen).values() if name and not is_position(name)}
    return any(name in given or plain_name(name) in common for name in names)


def is_position(name: str) -> bool:
    """Whether a name may be the number of a column."""
    return name.isascii() and name.isdigit() and len(name) <= 6


def value_kind(names: Sequence[str], where: Mapping[str, int], chosen: Mapping[str, str] | None) -> Kind:
    """What the values of a table are: pairs without a column of values, counts where its common name is one of counts.

    A column that the caller names is one of ratings, whatever its name.
    """
    if "rating" not in where:
        return "pairs"
    counts = "rating" not in check_columns(chosen) and _plain(names)[where["rating"]] in _COUNTS
    return "counts" if counts else "ratings"


def column_notes(names: Sequence[str], where: Mapping[str, int], chosen: Mapping[str, str] | None) -> list[str]:
    """Notes on columns that could have been meant instead of those that were taken."""
    if "rating" in check_columns(chosen):
        return []
    plain = _plain(names)
    values = {name for known in (*_RATINGS, _COUNTS) for name in known}
    others = [
        names[place]
        for place, name in enumerate(plain)
        if name in values and place != where.get("rating") and "rating" in where
    ]
    if not others:
        return []
    return [f"{shown_names([names[where['rating']]])} is taken as the value, not {shown_names(others)}"]


def _named(names: Sequence[str], name: str) -> int | None:
    if not name:
        return None
    if name in names:
        return list(names).index(name)
    if is_position(name) and 1 <= int(name) <= len(names):
        return int(name) - 1
    if is_position(name):
        hint = f"give its name, or its number from 1 to {len(names)}"
    else:
        hint = "give the name as it is written in the file"
    raise BadData(f"no column {name!r} among {shown_names(names)}", hint)


def _common(names: Sequence[str], role: str, taken: Mapping[str, int]) -> int | None:
    """The place of the column with a common name of a role; raises AmbiguousColumns for two of equal standing."""
    plain = [name if place not in taken.values() else "" for place, name in enumerate(_plain(names))]
    if role == "user" or role == "time":
        return next((plain.index(name) for name in COMMON_NAMES[role] if name in plain), None)
    if role == "item":
        if (place := _first(plain, _ITEMS[0])) is not None:
            return place
        places = [place for group in _ITEMS[1:] if (place := _first(plain, group)) is not None]
    else:
        tiers = ([place for place, name in enumerate(plain) if name in tier] for tier in (*_RATINGS, _COUNTS))
        places = next((places for places in tiers if places), [])
    if len(places) > 1:
        found = [names[place] for place in sorted(places)]
        first = found[0] if len(set(found)) == len(found) else str(min(places) + 1)
        raise AmbiguousColumns(
            f"{len(places)} columns may be the {role}: {shown_names(found)}",
            f"say which it is: --columns {role}={shown_names([first])} (columns={{'{role}': ...}} in Python)",
        )
    return places[0] if places else None


def _first(plain: Sequence[str], known: Sequence[str]) -> int | None:
    return next((list(plain).index(name) for name in known if name in plain), None)


def _missing(names: Sequence[str], missing: Sequence[str], found: Mapping[str, int]) -> BadData:
    """The error for missing columns; the hint names the column where only one is left."""
    left = [name for place, name in enumerate(names) if place not in found.values()]
    guess = [left[0] if len(left) == 1 == len(missing) else "NAME"]
    named = ",".join(f"{role}={shown_names(guess)}" for role in missing)
    message = f"no column for the {' and the '.join(missing)} among {shown_names(names)}"
    if any("\N{REPLACEMENT CHARACTER}" in name for name in names):
        return BadData(f"{message}, which is not UTF-8 text", "save the file as UTF-8: iconv -f ENCODING -t UTF-8")
    hint = f"say which it is, by its name or its number: --columns {named} (columns={{...}} in Python)"
    if len(names) == 1:
        return BadData(
            message, "if text separates its columns by another character, name it: --delimiter '^' (delimiter='^')"
        )
    if "user" in missing and len(names) > len(PAIR):
        hint += "; a table of a single user needs a column that names the user"
    if len(missing) == 1 and len(left) > 1:
        hint += "; a wide table, with a column for each item, is read with --layout wide (layout='wide')"
    return BadData(message, hint)


def _refuse_one_for_two(names: Sequence[str], found: Mapping[str, int]) -> None:
    for place in set(found.values()):
        roles = [role for role, where in found.items() if where == place]
        if len(roles) > 1:
            raise BadData(
                f"column {names[place]!r} is named for {' and '.join(roles)}", "name a column of its own for each"
            )


def shown_names(names: Sequence[str]) -> str:
    """Names of columns for a message: twelve at most, shortened, on one line."""
    cut = [name if len(name) <= 40 else name[:40] + "…" for name in names[:12]]
    listed = ", ".join(cut) + (", …" if len(names) > 12 else "")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in listed)


def _plain(names: Sequence[str]) -> list[str]:
    return [plain_name(name) for name in names]


def plain_name(name: str) -> str:
    """A name without case, spaces, punctuation, parentheses and the type that follows it in RecBole files."""
    bare = re.sub(r"\([^()]*\)|\[[^][]*\]", "", name)
    return _letters(bare.partition(":")[0]) or _letters(name.partition(":")[0])


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())
