"""The kernels over items against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cofactor.data.ratings import make_csr
from cofactor.kernels import item_similarity as items
from cofactor.kernels.sparse_rows import to_sparse_rows
from tests import twins


@st.composite
def tables(draw):
    """A few whole numbers, whose sums are exact and often equal; users without items and items without users."""
    n_users, n_items = draw(st.integers(1, 8)), draw(st.integers(1, 7))
    cells = draw(st.sets(st.integers(0, n_users * n_items - 1), max_size=40))
    cells = np.array(sorted(cells), dtype=np.int64)
    value = np.array(draw(st.lists(st.integers(-3, 3), min_size=len(cells), max_size=len(cells))), np.float32)
    return cells // n_items, cells % n_items, value, n_users, n_items


def lists(user, item, value, n_users, n_items):
    by_user, by_item = make_csr(user, item, value, (n_users, n_items)), make_csr(item, user, value, (n_items, n_users))
    return to_sparse_rows(by_user), to_sparse_rows(by_item)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_products_over_users_in_common_are_summed(table):
    by_user, by_item = lists(*table)
    n_items = table[-1]
    found, wanted = (np.zeros((n_items, n_items), np.float32) for _ in range(2))
    for first in range(0, n_items, 3):
        items.gram_of_items(first, min(first + 3, n_items), by_user, by_item, found)
    twins.gram_of_items(0, n_items, by_user, by_item, wanted)
    np.testing.assert_array_equal(found, wanted)


@given(tables(), st.integers(1, 6), st.sampled_from([0.0, 2.5]), st.integers(1, 3), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_nearest_are_kept(table, k, shrinkage, min_support, whole):
    by_user, by_item = lists(*table)
    n_items = table[-1]
    squares = np.bincount(table[1], table[2].astype(np.float64) ** 2, minlength=n_items)
    norms = np.sqrt(squares).astype(np.float32) if whole else np.empty(0, np.float32)
    similarity = items.Similarity(norms, shrinkage, min_support)
    found, wanted = (
        items.Neighbours(np.full((n_items, k), 9, np.int32), np.full((n_items, k), 9, np.float32)) for _ in range(2)
    )
    for first in range(n_items):
        items.find_neighbours(first, first + 1, by_user, by_item, similarity, found)
    twins.find_neighbours(0, n_items, by_user, by_item, similarity, wanted)
    for i in range(n_items):
        mine, theirs = (dict(zip(c[i].tolist(), v[i].tolist(), strict=True)) for c, v in (found, wanted))
        assert (found[0][i] >= 0).sum() == (wanted[0][i] >= 0).sum()
        np.testing.assert_allclose(sorted(found[1][i]), sorted(wanted[1][i]), rtol=1e-5)
        for j in mine.keys() & theirs.keys():
            assert mine[j] == pytest.approx(theirs[j], rel=1e-5)


def test_of_equal_neighbours_the_lower_rows_are_kept():
    table = (np.repeat(np.arange(3), 6), np.tile(np.arange(6), 3), np.ones(18, np.float32), 3, 6)
    by_user, by_item = lists(*table)
    found = items.Neighbours(np.empty((6, 3), np.int32), np.empty((6, 3), np.float32))
    items.find_neighbours(0, 6, by_user, by_item, items.Similarity(np.empty(0, np.float32), 1.0, 1), found)
    assert [sorted(row) for row in found.columns.tolist()] == [[j for j in range(6) if j != i][:3] for i in range(6)]
    np.testing.assert_allclose(found.values, 3 / 4)
