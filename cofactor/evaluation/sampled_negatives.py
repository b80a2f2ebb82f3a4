"""Held-out items and the ones that each is ranked among: read from a file, or drawn."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofactor.arrays import Rows
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, error_context

PAIR = re.compile(r"\(\s*([^,()]+?)\s*,\s*([^,()]+?)\s*\)")
N_NEGATIVES = 99


@dataclass(frozen=True, eq=False)
class Cases:
    """Test pairs, and beside each the items it is ranked among, over the test's own items."""

    test: Ratings
    negatives: Rows  # (n, m) item rows; -1 where a case has fewer than m


def draw_negatives(split: Split, n: int = N_NEGATIVES, seed: int = 0) -> Cases:
    """n items for each test pair, by lot, of those that its user has rated in no part of the split.

    Candidates are the items that somebody has rated. A user who has left fewer than n unrated gets them all. Raises
    BadData where nothing is held out, or a user has rated everything.
    """
    test, parts = split.test, list(split.parts.values())
    if n < 1 or len(test) == 0:
        raise BadData(f"{n} negatives for {len(test):,} test ratings", "there is at least one of both")
    rated = [part.by_user() for part in parts]
    candidates = np.unique(np.concatenate([part.item for part in parts]))
    rng, unseen = np.random.default_rng(seed), np.zeros(len(test.items), dtype=bool)
    negatives = np.full((len(test), n), -1, dtype=np.int32)
    for row in np.argsort(test.user, kind="stable"):
        user = test.user[row]
        unseen[candidates] = True
        for matrix in rated:
            unseen[matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]]] = False
        left = np.flatnonzero(unseen)
        if not len(left):
            raise BadData(f"user {test.users.ids[user]!r} has rated every item", "there is nothing to sample")
        negatives[row, : min(n, len(left))] = rng.choice(left, min(n, len(left)), replace=False)
    return Cases(test, negatives)


def read_cases(path: Path | str) -> Cases:
    """The cases of a file with lines of `(user,item)`, a tab, and the negatives with tabs between them.

    An item that stands among its own negatives, or twice among them, is left out. Raises BadData that names the line.
    """
    users, items, others = [], [], []
    with error_context(str(path)):
        for number, line in enumerate(_lines(path), start=1):
            held_out, *negatives = line.strip().split("\t")
            pair = PAIR.fullmatch(held_out)
            if pair is None or not negatives:
                raise BadData(f"line {number:,}: no `(user,item)` with negatives behind tabs", "mend the line")
            users.append(pair[1])
            items.append(pair[2])
            others.append([one for one in dict.fromkeys(negatives) if one != pair[2]])
        if not users:
            raise BadData("the file is empty", "it needs lines of `(user,item)` and negatives")
    known_users = Vocabulary.of(users, "user")
    known_items = Vocabulary.of([*items, *(one for some in others for one in some)], "item")
    rows = known_users.rows(users), known_items.rows(items)
    test = Ratings(known_users, known_items, *rows, np.ones(len(users), dtype=np.float32))
    return Cases(test, _pad_rows([known_items.rows(some) for some in others]))


def read_split_cases(path: Path | str, split: Split) -> Cases:
    """The cases of a file over a split's own items; raises BadData where its pairs are not the split's test part."""
    found, test = read_cases(path), split.test
    user = test.users.rows(found.test.users.ids)[found.test.user]
    item = test.items.rows(found.test.items.ids)
    order = np.lexsort((item[found.test.item], user))
    wanted = np.lexsort((test.item, test.user))
    columns = (user, test.user), (item[found.test.item], test.item)
    if len(order) != len(wanted) or any((one[order] != other[wanted]).any() for one, other in columns):
        raise BadData(f"{path}: its pairs are not those that the split holds out", "give the negatives of this split")
    negatives = np.empty_like(found.negatives)
    negatives[wanted] = np.where(found.negatives < 0, -1, item[found.negatives])[order]
    return Cases(test, negatives)


def _lines(path: Path | str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"cannot be read: {error}", "it is a file of text, as in ml-1m.test.negative") from error


def _pad_rows(lists: list[Rows]) -> Rows:
    """(n, m) of n lists of rows, filled up with -1."""
    table = np.full((len(lists), max(map(len, lists))), -1, dtype=np.int32)
    for row, some in zip(table, lists, strict=True):
        row[: len(some)] = some
    return table
