"""Loading rows: dense integer ids."""

import numpy as np
import pytest

from cofactor.data.reading import load_rows
from cofactor.data.reading.load_rows import encode_integer_ids


@pytest.mark.parametrize("lookup", [1, 1 << 24])
def test_integer_ids_are_numbered_in_numeric_order_both_ways(lookup: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_rows, "MAX_LOOKUP", lookup)
    vocabulary, rows = encode_integer_ids(np.array([900, 7, 0, 900, 10], dtype=np.int32), "user")
    assert vocabulary.ids.tolist() == ["0", "7", "10", "900"]
    assert rows.tolist() == [3, 1, 0, 3, 2]
    assert rows.dtype == np.int32
