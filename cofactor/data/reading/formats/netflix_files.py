"""Reads the files of the Netflix Prize: a line `movie:`, then lines `user,rating,date`."""

import re
from pathlib import Path

from cofactor.errors import BadData

MOVIE = re.compile(rb"\s*(\d+):\s*")
RATING = re.compile(rb"\s*\d+\s*,\s*[\d.]+\s*(,\s*[\d-]+\s*)?")


def is_netflix(head: bytes) -> bool:
    """Whether text begins with a line `movie:` and a line of a user, a rating and a date."""
    lines = head.splitlines()[:2]
    return len(lines) == 2 and bool(MOVIE.fullmatch(lines[0]) and RATING.fullmatch(lines[1]))


def write_netflix_as_table(path: Path, into: Path) -> Path:
    """Writes lines `item,user,rating,date` under a header; a line `movie:` becomes an empty one, except the first.

    So the ratings keep the numbers of their lines. Raises BadData for a line that has no place in such a file.
    """
    with path.open("rb") as file, into.open("wb") as out:
        prefix = b""
        out.write(b"item,user,rating,date\n")
        for number, line in enumerate(file, start=1):
            if line.rstrip().endswith(b":"):
                movie = MOVIE.fullmatch(line)
                if movie is None:
                    raise BadData(f"line {number:,}: {line[:40]!r} is neither `movie:` nor a rating", "correct it")
                prefix = movie[1] + b","
                out.write(b"\n" if number > 1 else b"")
            else:
                out.write(prefix + line if line.strip() else b"\n")
    return into
