"""Finds the files of ratings, titles and users in a folder or archive: the layouts of MovieLens and similar ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import PurePosixPath

from cofactor.data.reading.containers.compressed_files import plain_file_name
from cofactor.data.reading.containers.part_files import group_parts, partition_keys, pattern_of_parts
from cofactor.errors import BadData

RATINGS = ("u.data", "ratings.dat", "ratings.csv", "ratings.tsv", "ratings.parquet")
LIKE_RATINGS = tuple(f"rating*.{ending}" for ending in ("csv", "parquet", "dat", "tsv", "txt", "json", "jsonl", "xlsx"))
NETFLIX = ("combined_data_*.txt", "mv_*.txt")
TABLES = ("*.csv", "*.tsv", "*.parquet", "*.pq", "*.dat", "*.data", "*.rating", "*.inter")
OTHER_TABLES = ("*.json", "*.jsonl", "*.ndjson", "*.xlsx", "*.mtx", "*.tab")
TEXTS = ("*.txt", "part-*", "*.edges", "*.base")
LEVELS = (*((name,) for name in RATINGS), LIKE_RATINGS, NETFLIX, TABLES, OTHER_TABLES, TEXTS)
TITLES = (
    *("u.item", "movies.dat", "movies.csv", "items.csv", "items.parquet", "movies.parquet", "movie.csv", "item.csv"),
    *("books.csv", "book.csv", "bx-books.csv", "bx_books.csv", "anime.csv", "animes.csv", "movie_titles.csv"),
    *("movie_titles.txt", "artists.dat", "artists.csv", "songs.csv", "tracks.csv", "games.csv", "products.csv"),
    *("titles.csv", "items.tsv", "movies.tsv", "books.json", "movies.json", "items.json", "business.json"),
)
USERS = ("u.user", "users.dat")
TITLES_OF = ("{stem}.items.parquet", "{stem}.items.csv", "{stem}.item")  # next to a file of ratings named {stem}
OTHER = (
    *("users.*", "tags.*", "links.*", "genome-*", "readme*", "license*", "*.md", "u.*", "*.items.parquet"),
    *("*.items.csv", "*.item", "*.user", "u1.*", "u2.*", "u3.*", "u4.*", "u5.*", "ua.*", "ub.*", "movie_titles.*"),
    *("probe.txt", "qualifying.txt", "*.rejected.csv", "dataset_info*.json", "dataset_dict.json", "state.json"),
    *("metadata.json", "datapackage.json", "manifest.json", "config.json", *TITLES[:6]),
)
LAKES = {"_delta_log": "Delta Lake", ".hoodie": "Apache Hudi", ".metadata.json": "Apache Iceberg"}
MAX_TABLES = 50  # whose columns are looked at
MAX_TITLES = 4  # tables of titles that are tried
Roles = Callable[[str], frozenset[str]]


@dataclass(frozen=True)
class Layout:
    """Paths of the files, relative to a folder."""

    ratings: str
    titles: tuple[str, ...] = ()  # the first that has titles of the items counts
    genres: str | None = None  # names of the genre columns of u.item
    users: str | None = None  # age, gender, occupation and zip code of users
    parts: tuple[str, ...] = ()  # all files of the ratings, where there are several
    found_among: int = 1  # tables, of which that of the ratings was found by its columns

    def names(self) -> list[str]:
        """All files."""
        others = [name for name in (self.genres, self.users) if name]
        return [*(self.parts or (self.ratings,)), *self.titles, *others]


def find_layout(names: Sequence[str], find_roles: Roles | None = None, place: str = "") -> Layout:
    """The layout of a folder or archive with these files.

    Files nearer to the top come first, then those with a usual name. Of several tables that have none, the one with
    columns for users, items and ratings is taken: `find_roles` gives the roles of the columns of a file. Raises BadData
    where no table, or more than one, may be the ratings; `place` and the name of a file is how to name it.
    """
    _refuse_lakes(names)
    shown = [name for name in names if not _hidden(name)]
    doubtful: list[list[tuple[str, ...]]] = []
    for depth in sorted({_depth(name) for name in shown}):
        here = sorted(name for name in shown if _depth(name) == depth)
        for patterns in LEVELS:
            found = [name for name in here if _matches(name, patterns) and (patterns[0] in RATINGS or not _other(name))]
            usual = patterns[0] in RATINGS or patterns in (LIKE_RATINGS, NETFLIX)
            tables = group_parts(found)
            if len(tables) == 1 and (usual or find_roles is None):
                return _layout_of(tables[0], names)
            chosen = _with_most_roles(tables, find_roles) if tables else []
            if len(chosen) == 1:
                return replace(_layout_of(chosen[0], names), found_among=len(tables))
            if len(chosen) > 1:
                raise _ambiguous(chosen, place)
            if tables:
                doubtful.append(tables)
        if doubtful and (find_roles is None or len(doubtful[0]) > 1):
            break
    if doubtful and len(doubtful[0]) == 1:
        return _layout_of(doubtful[0][0], names)  # reading it says what is wrong
    if doubtful:
        raise _ambiguous(doubtful[0], place)
    listed = ", ".join(sorted(names)[:6]) or "no files"
    raise BadData(f"no ratings in it ({listed})", "name a file, or a folder with u.data, ratings.dat or ratings.csv")


def layout_around(ratings: str, names: Sequence[str]) -> Layout:
    """The layout around a file of ratings: titles and users are looked for in the same folder."""
    folder = PurePosixPath(ratings).parent
    stem = plain_file_name(PurePosixPath(ratings).name).rpartition(".")[0]
    candidates = [pattern.format(stem=stem).casefold() for pattern in TITLES_OF] + list(TITLES)
    present = {
        plain_file_name(PurePosixPath(name).name).casefold(): name
        for name in names
        if PurePosixPath(name).parent == folder and name != ratings
    }
    titles = tuple(present[name] for name in candidates if name in present)[:MAX_TITLES]
    genres = present.get("u.genre") if titles and titles[0].endswith("u.item") else None
    users = next((present[name] for name in USERS if name in present), None)
    return Layout(ratings, titles, genres, users)


def _layout_of(table: tuple[str, ...], names: Sequence[str]) -> Layout:
    parts = table if len(table) > 1 or partition_keys(table[0]) else ()
    return replace(layout_around(table[0], names), parts=parts)


def _with_most_roles(tables: list[tuple[str, ...]], find_roles: Roles | None) -> list[tuple[str, ...]]:
    """The tables with columns of users, items, ratings and times, or without times, or without ratings as well."""
    if len(tables) > MAX_TABLES:
        return []
    roles = {table: frozenset[str]() if find_roles is None else find_roles(table[0]) for table in tables}
    for wanted in ({"user", "item", "rating", "time"}, {"user", "item", "rating"}, {"user", "item"}):
        if fitting := [table for table in tables if wanted <= roles[table]]:
            return fitting
    return []


def _ambiguous(tables: Sequence[tuple[str, ...]], place: str) -> BadData:
    shown = [table[0] if len(table) == 1 else f"{table[0]} and {len(table) - 1:,} more parts" for table in tables]
    listed = ", ".join(shown[:6]) + (", …" if len(tables) > 6 else "")
    example = place + (tables[0][0] if len(tables[0]) == 1 else pattern_of_parts(tables[0][0]))
    return BadData(f"{len(tables)} files may be the ratings: {listed}", f"name one of them, as in {example}")


def _refuse_lakes(names: Sequence[str]) -> None:
    parts = {part for name in names for part in PurePosixPath(name).parts}
    lake = next((title for ending, title in LAKES.items() if any(part.endswith(ending) for part in parts)), None)
    if lake and any(name.endswith(".parquet") for name in names):
        raise BadData(f"a {lake} table, whose files may hold deleted rows", "write the table as Parquet files first")


def _depth(name: str) -> int:
    """The number of folders above a file; those of a partition, as in year=2020, do not count."""
    return name.count("/") - len(partition_keys(name))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    plain = plain_file_name(PurePosixPath(name).name).casefold()
    return any(fnmatch(plain, pattern) for pattern in patterns)


def _other(name: str) -> bool:
    return _matches(name, OTHER)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in PurePosixPath(name).parts)
