"""Finds the files of ratings, titles and users in a folder or zip: the layouts of MovieLens and similar ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from cofactor.errors import BadData

RATINGS = ("u.data", "ratings.dat", "ratings.csv", "ratings.tsv", "ratings.parquet", "ratings.csv.gz")
LIKE_RATINGS = ("ratings*.csv", "ratings*.parquet", "ratings*.dat", "ratings*.tsv", "ratings*.gz", "ratings*.txt")
TABLES = ("*.csv", "*.tsv", "*.parquet", "*.dat", "*.data", "*.csv.gz", "*.tsv.gz", "*.rating", "*.inter")
TITLES = ("u.item", "movies.dat", "movies.csv", "items.csv", "items.parquet", "movies.parquet")
USERS = ("u.user", "users.dat")
TITLES_OF = ("{stem}.items.parquet", "{stem}.items.csv")  # next to a file of ratings named {stem}
OTHER = (
    *("users.*", "tags.*", "links.*", "genome-*", "README*", "u.*", "*.items.parquet", "*.items.csv"),
    *TITLES,
)


@dataclass(frozen=True)
class Layout:
    """Paths of the files, relative to a folder."""

    ratings: str
    titles: str | None = None
    genres: str | None = None  # names of the genre columns of u.item
    users: str | None = None  # age, gender, occupation and zip code of users


def find_layout(names: Sequence[str]) -> Layout:
    """The layout of a folder or zip with these files.

    Files nearer to the top come first. Raises BadData where no file, or more than one, may be the ratings.
    """
    for depth in sorted({name.count("/") for name in names if not _hidden(name)}):
        here = sorted(name for name in names if name.count("/") == depth and not _hidden(name))
        for patterns in (*((pattern,) for pattern in RATINGS), LIKE_RATINGS, TABLES):
            found = [name for name in here if _matches(name, patterns) and (patterns[0] in RATINGS or not _other(name))]
            if len(found) == 1:
                return layout_around(found[0], names)
            if found:
                shown = ", ".join(found[:6]) + (", …" if len(found) > 6 else "")
                raise BadData(f"{len(found)} files may be the ratings: {shown}", "name one of them")
    shown = ", ".join(sorted(names)[:6]) or "no files"
    raise BadData(f"no ratings in it ({shown})", "name a file, or a folder with u.data, ratings.dat or ratings.csv")


def layout_around(ratings: str, names: Sequence[str]) -> Layout:
    """The layout around a file of ratings: titles and users are looked for in the same folder."""
    folder = PurePosixPath(ratings).parent
    stem = PurePosixPath(ratings).name.removesuffix(".gz").rpartition(".")[0]
    candidates = [pattern.format(stem=stem) for pattern in TITLES_OF] + list(TITLES)
    present = {PurePosixPath(name).name: name for name in names if PurePosixPath(name).parent == folder}
    titles = next((present[name] for name in candidates if name in present and present[name] != ratings), None)
    genres = present.get("u.genre") if titles and titles.endswith("u.item") else None
    users = next((present[name] for name in USERS if name in present and present[name] != ratings), None)
    return Layout(ratings, titles, genres, users)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(PurePosixPath(name).name, pattern) for pattern in patterns)


def _other(name: str) -> bool:
    return _matches(name, OTHER)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
