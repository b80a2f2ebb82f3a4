"""Reads the files of the Netflix Prize: a line `movie:`, then lines `user,rating,date`."""

import re
from pathlib import Path

from cofactor.errors import BadData

MOVIE = re.compile(rb"\s*(\d+):\s*")
LINE = re.compile(rb"\s*\d+\s*(,\s*[\d.]+\s*)?(,\s*\d{4}-\d\d-\d\d\s*)?")
DATE = re.compile(rb"\s*\d{4}-\d\d-\d\d\s*")
NAMES = {1: b"item,user", 3: b"item,user,rating,date"}


def is_netflix(head: bytes) -> bool:
    """Whether text begins with a line `movie:` and a line of a user, and perhaps a rating and a date."""
    lines = head.splitlines()[:2]
    return len(lines) == 2 and bool(MOVIE.fullmatch(lines[0]) and LINE.fullmatch(lines[1]))


def write_netflix_as_table(path: Path, into: Path) -> Path:
    """Writes lines `item,user,rating,date` under a header; a line `movie:` becomes an empty one, except the first.

    The rating, the date or both may be missing in all lines. The ratings keep the numbers of their lines. Raises
    BadData for a line that has no place in such a file.
    """
    with path.open("rb") as file, into.open("wb") as out:
        prefix, cells = b"", file.readlines(1 << 10)[1].split(b",")
        file.seek(0)
        out.write(NAMES.get(len(cells)) or (b"item,user,date" if DATE.fullmatch(cells[1]) else b"item,user,rating"))
        out.write(b"\n")
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
