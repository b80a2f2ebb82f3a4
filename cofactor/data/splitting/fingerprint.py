"""The fingerprint of a split: a digest of the part of each (user id, item id) pair, the kind of split and the seed.

It covers neither rating values nor times (the digests of a saved split do). It does not depend on the order of rows,
on row numbers of ids, or on ids without ratings.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from cofactor.arrays import Array, Rows
from cofactor.data.ratings import Ratings
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData

PART_NAMES = "train", "validation", "test", "a fourth part"


def compute_fingerprint(parts: Sequence[Ratings], kind: str, seed: int) -> str:
    """Hex SHA-256 of up to four parts over one pair of vocabularies; raises BadData where a pair occurs twice.

    Pairs are numbered by the ids that have ratings, sorted by code point; one sort orders all parts.
    """
    users, user_place = _rated(parts[0].users, [p.user for p in parts])
    items, item_place = _rated(parts[0].items, [p.item for p in parts])
    pairs = np.concatenate(
        [(user_place[p.user] * np.uint64(len(items)) + item_place[p.item]) * 4 + n for n, p in enumerate(parts)]
    )
    pairs.sort()
    pair = pairs >> np.uint64(2)
    twice = np.flatnonzero(pair[1:] == pair[:-1])
    if len(twice):
        user, item = divmod(int(pair[twice[0]]), len(items))
        places = " and ".join(dict.fromkeys(PART_NAMES[int(pairs[twice[0] + n]) % 4] for n in (0, 1)))
        n_more = f", and {len(twice) - 1:,} more pairs occur twice" if len(twice) > 1 else ""
        raise BadData(
            f"user {users[user]} has two ratings of item {items[item]} in one split, in {places}{n_more}",
            "a pair may occur once, in one part: test ratings are ratings that are not learned",
        )
    digest = hashlib.sha256(json.dumps(["cofactor split 1", kind, seed, users, items]).encode())
    digest.update(pairs.astype("<u8", copy=False).data)
    return digest.hexdigest()


def _rated(known: Vocabulary, columns: list[Rows]) -> tuple[list[str], Array]:
    """The ids that occur, sorted by code point, and the (n,) uint64 position of each row among them."""
    rows = np.flatnonzero(sum(np.bincount(rows, minlength=len(known)) for rows in columns))
    ids = known.ids[rows].tolist()
    order = sorted(range(len(ids)), key=ids.__getitem__)
    place = np.zeros(len(known), dtype=np.uint64)
    place[rows[order]] = np.arange(len(ids), dtype=np.uint64)
    return [ids[i] for i in order], place
