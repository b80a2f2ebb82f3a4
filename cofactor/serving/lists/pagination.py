"""Cursors: the list that a page belongs to, and the place where the page begins.

A cursor is "offset-version-digest". The digest covers everything that determines the list: the user and their ratings,
the filters, the diversity; but not the numbers of items and of explanations on a page. So pages may have any sizes, and
together they are the whole list. If one of these has changed since the last page, the next page could repeat or omit
items: that is a `ListChanged`.
"""

import re
from hashlib import blake2b

from cofactor.errors import BadData, ListChanged

MAX_OFFSET = 1_000  # of the start of a page: a list is not a way to download the catalogue
DIGEST_BYTES = 8
CURSOR = re.compile(r"([0-9]{1,6})-([0-9a-zA-Z]{1,64})-([0-9a-f]{16})")
START_AGAIN = "ask for the first page again"


def digest(*parts: object) -> str:
    """A short digest of what determines a list. Parts are text, numbers, None, bytes, and tuples of them."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


def start_of_page(cursor: str, version: str, of_list: str) -> int:
    """The number of items of the list before a page; 0 without a cursor.

    Raises BadData for an invalid cursor, and ListChanged for a cursor of another list or version of the model.
    """
    if not cursor:
        return 0
    parts = CURSOR.fullmatch(cursor)
    if parts is None or int(parts[1]) > MAX_OFFSET:
        raise BadData("the cursor is not one that this service returned", START_AGAIN)
    if parts[2] != version:
        raise ListChanged("the model has been replaced since that page", START_AGAIN)
    if parts[3] != of_list:
        raise ListChanged("the list has changed since that page, or is another one", START_AGAIN)
    return int(parts[1])


def next_cursor(offset: int, version: str, of_list: str) -> str | None:
    """The cursor of the page that begins at an offset; None beyond the last offset at which a page may begin."""
    return f"{offset}-{version}-{of_list}" if offset <= MAX_OFFSET else None
