"""Training and test data for the peers: the arrays of a split in one file that can be read without cofactor."""

from pathlib import Path

import numpy as np

from cofactor.data.ratings import Ratings

SECONDS_A_DAY = 86_400


def write_rows(path: Path, train: Ratings, test: Ratings) -> Path:
    """An npz of user, item, value (and day, where known), the same with test_ before, `shape`, and features.

    Features of users and items, where known, are {user,item}_feature_{row,column,weight} of the cells that are not
    zero, and _starts, the first column of each column of the table they were made of.
    """
    arrays = {"shape": np.array([len(train.users), len(train.items)])}
    for prefix, part in (("", train), ("test_", test)):
        arrays |= {f"{prefix}user": part.user, f"{prefix}item": part.item, f"{prefix}value": part.value}
        if part.time is not None:
            arrays[f"{prefix}day"] = part.time // SECONDS_A_DAY
    for side in ("user", "item"):
        features = getattr(train, f"{side}_features", None)
        if features is not None:
            cells = features.matrix.tocoo()
            widths = [len(column) for column in features.encoding.columns]
            named = {
                "row": cells.row,
                "column": cells.col,
                "weight": cells.data,
                "starts": np.cumsum([0, *widths[:-1]]),
            }
            arrays |= {f"{side}_feature_{name}": column for name, column in named.items()}
    np.savez(path, **arrays)
    return path
