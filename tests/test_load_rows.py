"""Loading rows: units of time by their size, dense integer ids, and the latest of repeated pairs."""

import numpy as np
import pytest

from cofactor.data.reading import load_rows
from cofactor.data.reading.load_rows import encode_integer_ids, to_seconds


@pytest.mark.parametrize(
    ("latest", "seconds"),
    [
        (10**11 - 1, 10**11 - 1),
        (10**11, 10**8),
        (10**14 - 1, (10**14 - 1) // 10**3),
        (10**14, 10**8),
        (10**17 - 1, (10**17 - 1) // 10**6),
        (10**17, 10**8),
    ],
)
def test_the_latest_time_tells_the_unit_of_all(latest: int, seconds: int) -> None:
    assert to_seconds(np.array([latest, 5])).tolist()[0] == seconds


def test_no_times_and_times_before_1970() -> None:
    assert to_seconds(np.empty(0, np.int64)).tolist() == []
    assert to_seconds(np.array([-5, 7])).tolist() == [-5, 7]


@pytest.mark.parametrize("lookup", [1, 1 << 24])
def test_integer_ids_are_numbered_in_numeric_order_both_ways(lookup: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_rows, "MAX_LOOKUP", lookup)
    vocabulary, rows = encode_integer_ids(np.array([900, 7, 0, 900, 10], dtype=np.int32), "user")
    assert vocabulary.ids.tolist() == ["0", "7", "10", "900"]
    assert rows.tolist() == [3, 1, 0, 3, 2]
    assert rows.dtype == np.int32
