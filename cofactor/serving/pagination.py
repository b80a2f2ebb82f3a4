"""Cursors: where the next page of a list begins, and of which list.

A cursor is "offset-version-digest". The digest is over everything that decides the list: who asks, what they rated,
what is left out, how much variety is wanted; not over how many items or reasons a page has. So pages may be of any
sizes, and put together they are the long list. Where what decides it has changed in between, going on would repeat
items or leave some out: that is a `ListChanged`.
"""

import re
from hashlib import blake2b

from cofactor.errors import BadData, ListChanged

DEEPEST = 1_000  # the last place a page may begin at: a list is for looking at, not for copying a catalogue
DIGEST_BYTES = 8
CURSOR = re.compile(r"([0-9]{1,6})-([0-9a-zA-Z]{1,64})-([0-9a-f]{16})")
START_AGAIN = "ask for the first page again"


def digest(*parts: object) -> str:
    """A short digest of what decides a list. Parts are text, numbers, None, bytes, and tuples of them."""
    return blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


def start_of(cursor: str, version: str, of_list: str) -> int:
    """How many items of a list come before a page; 0 without a cursor.

    Raises BadData for what is no cursor of ours, ListChanged for one of another list or version of the model.
    """
    if not cursor:
        return 0
    parts = CURSOR.fullmatch(cursor)
    if parts is None or int(parts[1]) > DEEPEST:
        raise BadData("the cursor is not one that was given out here", START_AGAIN)
    if parts[2] != version:
        raise ListChanged("the model has been replaced since that page", START_AGAIN)
    if parts[3] != of_list:
        raise ListChanged("the list has changed since that page, or is another one", START_AGAIN)
    return int(parts[1])


def following(offset: int, version: str, of_list: str) -> str | None:
    """The cursor of the page that begins at an offset; None where no page may begin so late."""
    return f"{offset}-{version}-{of_list}" if offset <= DEEPEST else None
