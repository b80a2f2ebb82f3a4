"""Adjacency lists, the format of LightGCN's data sets: one line for each user, `user item item …`, without ratings."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from cofactor.data.reading.containers.compressed_files import decompression_errors, open_compressed
from cofactor.data.reading.load_rows import EncodedRatings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData


def read_adjacency_lists(path: Path) -> EncodedRatings:
    """The pairs of a file, in order, each with the value 1. Ids are text, separated by spaces or tabs.

    A user without items is left out. Raises BadData for a file without a pair, and, with the line, for a second list of
    a user and for text that is not UTF-8.
    """
    first_line: dict[str, int] = {}  # line number by user
    lists: dict[str, list[str]] = {}
    for number, user, items in _lines(path):
        if user in first_line:
            message = f"line {number:,}: user {user[:40]!r} has a list in line {first_line[user]:,} already"
            raise BadData(message, "give each user one line; a table of ratings is read without a layout")
        first_line[user] = number
        if items:
            lists[user] = items
    if not lists:
        raise BadData("no line has an item after its user", "lists are lines of `user item item …`")
    ids = list(chain.from_iterable(lists.values()))
    known_users, known_items = Vocabulary.of(lists, "user"), Vocabulary.of(ids, "item")
    user_rows = np.repeat(known_users.rows(list(lists)), [len(items) for items in lists.values()])
    return EncodedRatings(
        known_users, known_items, user_rows, known_items.rows(ids), np.ones(len(ids), np.float32), None
    )


def _lines(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Line number, user and items of each line that is not blank."""
    try:
        with decompression_errors(path), open_compressed(path) as file:
            for number, line in enumerate(file, start=1):
                cells = line.decode("utf-8-sig" if number == 1 else "utf-8").split()
                if cells:
                    yield number, cells[0], cells[1:]
    except UnicodeDecodeError:
        raise BadData(f"line {number:,}: not UTF-8 text", "save the file as UTF-8") from None
