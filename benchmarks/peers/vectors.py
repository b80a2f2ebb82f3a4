"""Ranking metrics of scores that are dot products: the same NumPy code for our vectors and for a peer's."""

import numpy as np

USERS = 500  # whose scores are held at a time


def measured(users: np.ndarray, items: np.ndarray, data) -> dict[str, float]:
    """NDCG@10, NDCG@20 and Recall@20 over the users with test items, of the whole catalogue without train items.

    Where the data names `candidates`, (n, c) items of which the first is the user's test item: HR@10 and NDCG@10 of
    that item among those.
    """
    if "candidates" in data:
        return among(users, items, data["candidates"])
    seen, test = (by_user(data[f"{part}user"], data[f"{part}item"], len(users)) for part in ("", "test_"))
    who = np.flatnonzero(np.diff(test[0]))
    figures = []
    for start in range(0, len(who), USERS):
        block = who[start : start + USERS]
        scores = users[block] @ items.T
        scores[cells(seen, block)] = -np.inf
        relevant = np.zeros(scores.shape, dtype=bool)
        relevant[cells(test, block)] = True
        top = np.argpartition(-scores, 20, axis=1)[:, :20]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        hit = np.take_along_axis(relevant, np.take_along_axis(top, order, axis=1), axis=1)
        figures.append(
            np.column_stack([ndcg(hit, relevant.sum(1), k) for k in (10, 20)] + [hit.sum(1) / relevant.sum(1)])
        )
    return dict(zip(("ndcg@10", "ndcg@20", "recall@20"), np.concatenate(figures).mean(axis=0).tolist(), strict=True))


def ndcg(hit: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    gain = 1 / np.log2(2.0 + np.arange(k))
    return hit[:, :k] @ gain / np.cumsum(gain)[np.minimum(relevant, k) - 1]


def among(users: np.ndarray, items: np.ndarray, candidates: np.ndarray) -> dict[str, float]:
    scores = np.einsum("uk,uck->uc", users[: len(candidates)], items[candidates])
    rank = 1 + (scores[:, 1:] > scores[:, :1]).sum(axis=1)
    return {
        "hr@10": float((rank <= 10).mean()),
        "ndcg@10": float(np.where(rank <= 10, 1 / np.log2(1.0 + rank), 0).mean()),
    }


def by_user(user: np.ndarray, item: np.ndarray, n_users: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of each user's items, and the items ordered by user."""
    return np.append(0, np.cumsum(np.bincount(user, minlength=n_users))), item[np.argsort(user, kind="stable")]


def cells(table: tuple[np.ndarray, np.ndarray], users: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column in a block of users and items, one for each entry."""
    starts, items = table
    counts = starts[users + 1] - starts[users]
    at = np.repeat(starts[users] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
    return np.repeat(np.arange(len(users)), counts), items[at]
