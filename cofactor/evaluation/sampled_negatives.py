"""Held-out items and the negatives that each is ranked among: read from a file, or sampled."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofactor.arrays import Rows
from cofactor.data.ratings import Ratings
from cofactor.data.splitting.split import Split
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, check_path, error_context

PAIR = re.compile(r"\(\s*([^,()]+?)\s*,\s*([^,()]+?)\s*\)")
N_NEGATIVES = 99


@dataclass(frozen=True, eq=False)
class Cases:
    """Test pairs, and for each the negatives it is ranked among, as rows of the test's items."""

    test: Ratings
    negatives: Rows  # (n, m) item rows, padded with -1


def draw_negatives(split: Split, n: int = N_NEGATIVES, seed: int = 0) -> Cases:
    """Sample n items for each test pair from the items that its user has rated in no part of the split.

    Candidates are the items with a rating. A user with fewer than n unrated candidates gets all of them. Raises BadData
    if there are no test ratings or a user has rated every item.
    """
    test, parts = split.test, list(split.parts.values())
    if n < 1 or len(test) == 0:
        raise BadData(f"{n} negatives for {len(test):,} test ratings", "both must be at least 1")
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
            raise BadData(
                f"user {test.users.ids[user]!r} has rated every item", "no negative can be sampled: leave this user out"
            )
        negatives[row, : min(n, len(left))] = rng.choice(left, min(n, len(left)), replace=False)
    return Cases(test, negatives)


def read_cases(path: Path | str) -> Cases:
    """Read the cases of a file. A line is `(user,item)` and the negatives, separated by tabs.

    A negative that equals the held-out item or occurs twice is left out. Raises BadData that names the line.
    """
    check_path(path)
    users, items, others = [], [], []
    with error_context(str(path)):
        for number, line in enumerate(_lines(path), start=1):
            held_out, *negatives = line.strip().split("\t")
            pair = PAIR.fullmatch(held_out)
            if pair is None or not negatives:
                raise BadData(
                    f"line {number:,}: no `(user,item)` followed by negatives",
                    "separate `(user,item)` and the negatives by tabs",
                )
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
    """Read the cases of a file as rows of a split. Raises BadData if its pairs are not the test part of the split."""
    found, test = read_cases(path), split.test
    user = test.users.rows(found.test.users.ids)[found.test.user]
    item = test.items.rows(found.test.items.ids)
    order = np.lexsort((item[found.test.item], user))
    wanted = np.lexsort((test.item, test.user))
    columns = (user, test.user), (item[found.test.item], test.item)
    if len(order) != len(wanted) or any((one[order] != other[wanted]).any() for one, other in columns):
        raise BadData(
            f"{path}: its pairs are not the test pairs of the split", "use the file of negatives for this split"
        )
    negatives = np.empty_like(found.negatives)
    negatives[wanted] = np.where(found.negatives < 0, -1, item[found.negatives])[order]
    return Cases(test, negatives)


def _lines(path: Path | str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"cannot be read: {error}", "use a text file like ml-1m.test.negative") from None


def _pad_rows(lists: list[Rows]) -> Rows:
    """(n, m) n lists of rows, padded with -1."""
    table = np.full((len(lists), max(map(len, lists))), -1, dtype=np.int32)
    for row, some in zip(table, lists, strict=True):
        row[: len(some)] = some
    return table
