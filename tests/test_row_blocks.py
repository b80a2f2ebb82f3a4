"""Blocks of rows: they cover every row once, in order, and are as even as promised."""

from itertools import pairwise

import numpy as np
import pytest

from cofactor.row_blocks import batch_slices, equal_cost_bounds, even_bounds


@pytest.mark.parametrize(("n", "size"), [(0, 3), (1, 3), (3, 3), (7, 3), (7, 100), (5, 1)])
def test_slices_of_a_batch_size_cover_every_row_once_and_in_order(n: int, size: int) -> None:
    rows = np.arange(n)
    batches = [rows[one] for one in batch_slices(n, size)]
    assert [len(one) for one in batches[:-1]] == [size] * (len(batches) - 1)
    assert all(0 < len(one) <= size for one in batches)
    assert [row for one in batches for row in one.tolist()] == rows.tolist()


@pytest.mark.parametrize(("n", "parts"), [(0, 4), (3, 4), (8, 4), (11, 4), (5, 1)])
def test_even_parts_differ_by_at_most_one_row(n: int, parts: int) -> None:
    bounds = even_bounds(n, parts)
    assert len(bounds) == parts + 1
    assert (bounds[0], bounds[-1]) == (0, n)
    assert set(np.diff(bounds).tolist()) <= {n // parts, n // parts + 1}


def test_parts_of_equal_cost_have_the_bounds_that_counting_gives() -> None:
    assert equal_cost_bounds(np.array([1, 1, 1, 1]), 2).tolist() == [0, 2, 4]
    assert equal_cost_bounds(np.array([5, 1, 1, 1, 1, 1]), 2).tolist() == [0, 1, 6]
    assert equal_cost_bounds(np.array([1, 8, 1]), 5).tolist() == [0, 2, 2, 2, 2, 3]


def test_rows_without_cost_at_the_end_belong_to_the_last_part() -> None:
    assert equal_cost_bounds(np.array([2, 2, 0, 0]), 2).tolist() == [0, 1, 4]
    assert equal_cost_bounds(np.zeros(3), 2)[-1] == 3
    assert equal_cost_bounds(np.zeros(0), 2).tolist() == [0, 0, 0]


def test_no_part_costs_more_than_its_share_and_one_row() -> None:
    costs = np.random.default_rng(0).integers(0, 50, 200)
    bounds = equal_cost_bounds(costs, 7)
    assert (np.diff(bounds) >= 0).all()
    sums = [int(costs[first:last].sum()) for first, last in pairwise(bounds)]
    assert sum(sums) == costs.sum()
    assert max(sums) <= costs.sum() / 7 + costs.max()
