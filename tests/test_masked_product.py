"""Products at the rated cells alone: the kernels against their twins, and with PyTorch against dense products."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from cofactor.kernels import masked_product
from cofactor.kernels.sparse_rows import SparseRows
from cofactor.trainers.autoencoding.masked_product import DenseProducts, SparseProducts
from cofactor.training.row_thread_pool import RowThreadPool
from tests import twins


def table(seed: int, rows: int, columns: int, density: float = 0.3) -> csr_array:
    rng = np.random.default_rng(seed)
    return csr_array(random_array((rows, columns), density=density, rng=rng, dtype=np.float32))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 9), st.integers(1, 12), st.integers(1, 40))
def test_kernels_do_what_their_twins_do(seed: int, rows: int, columns: int, width: int) -> None:
    matrix, rng = table(seed, rows, columns, 0.5), np.random.default_rng(seed)
    left, right = (rng.normal(size=(n, width)).astype(np.float32) for n in (rows, columns))
    first, last = sorted(rng.integers(0, rows + 1, 2).tolist())
    cells = SparseRows(matrix.indptr, matrix.indices, matrix.data)
    for kernel, twin, given_, shape in (
        (masked_product.multiply_rows, twins.multiply_rows, (cells, right), (rows, width)),
        (masked_product.dot_rows, twins.dot_rows, (cells, left, right), matrix.nnz),
    ):
        ours, expected = (np.full(shape, 7, np.float32) for _ in range(2))
        kernel(first, last, *given_, ours)
        twin(first, last, *given_, expected)
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5, err_msg=twin.__name__)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_products_and_their_derivatives_are_those_of_dense_ones(n_threads: int) -> None:
    inputs, cells = table(0, 40, 30), table(1, 40, 30)
    results = []
    with RowThreadPool(n_threads) as pool:
        for products in (SparseProducts(pool), DenseProducts(torch.device("cpu"))):
            torch.manual_seed(0)
            first, last = (torch.randn(30, 11, requires_grad=True) for _ in range(2))
            codes = torch.tanh(products.encode(inputs, first))
            out = products.decode(cells, codes, last)
            (out**2).sum().backward()
            results.append([codes, out, first.grad, last.grad])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-4, atol=1e-4)
