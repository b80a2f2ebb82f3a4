"""Every kernel again, as naive as can be: the same signature and the same results."""

import numpy as np

# ---- kernels/ranks.py ---------------------------------------------------------------------------------------------


def ranks(scores, rankable, seen_start, seen, asked_start, asked, n_top):
    """Sorts each user's candidates, then looks."""
    rank, mid_rank, top = [], [], np.full((len(scores), n_top), -1)
    for user, row in enumerate(scores):
        row = np.where(rankable, row, -np.inf)
        out = set(seen[seen_start[user] : seen_start[user + 1]])
        candidates = sorted((item for item in range(len(row)) if item not in out), key=lambda item: (-row[item], item))
        for item in asked[asked_start[user] : asked_start[user + 1]]:
            rank.append(1 + candidates.index(item))
            mid_rank.append(np.mean([1 + place for place, other in enumerate(candidates) if row[other] == row[item]]))
        listed = [item for item in candidates if rankable[item]][:n_top]
        top[user, : len(listed)] = listed
    return np.array(rank, dtype=np.int32), np.array(mid_rank, dtype=np.float64), top
