"""The two products of an autoencoder: the input of a batch by the first table, its codes by the last, at rated cells.

On the CPU by kernels, as functions that PyTorch can differentiate; elsewhere by dense products of the batch.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats
from cofactor.kernels.sparse_rows import SparseRows
from cofactor.row_blocks import equal_cost_bounds
from cofactor.training.row_thread_pool import RowThreadPool

if TYPE_CHECKING:
    import torch

N_PARTS = 16  # of the rows, of about equal work, for threads


@dataclass(frozen=True, eq=False)
class SparseProducts:
    """Products on the CPU. The results do not depend on how many threads there are."""

    pool: RowThreadPool

    def encode(self, inputs: csr_array, table: "torch.Tensor") -> "torch.Tensor":
        """(b, width): (b, n) inputs · (n, width)."""
        out: torch.Tensor = self._functions[0].apply(table, inputs)
        return out

    def decode(self, cells: csr_array, codes: "torch.Tensor", table: "torch.Tensor") -> "torch.Tensor":
        """(nnz,) codes_r · table_c at each cell (r, c) of a (b, n) matrix; codes: (b, width), table: (n, width)."""
        out: torch.Tensor = self._functions[1].apply(codes, table, cells)
        return out

    def product(self, matrix: csr_array, dense: Floats) -> Floats:
        """(m, width): sparse (m, n) · (n, width)."""
        from cofactor.kernels.masked_product import multiply_rows

        out = np.empty((matrix.shape[0], dense.shape[1]), np.float32)
        rows = _sparse_rows(matrix)
        self.pool.map(lambda first, last: multiply_rows(first, last, rows, dense, out), self._bounds(matrix))
        return out

    def dots(self, cells: csr_array, left: Floats, right: Floats) -> Floats:
        """(nnz,) left_r · right_c at each cell (r, c)."""
        from cofactor.kernels.masked_product import dot_rows

        out = np.empty(cells.nnz, np.float32)
        rows = _sparse_rows(cells)
        self.pool.map(lambda first, last: dot_rows(first, last, rows, left, right, out), self._bounds(cells))
        return out

    def _bounds(self, matrix: csr_array) -> Array:
        if self.pool.n_threads == 1:
            return np.array([0, matrix.shape[0]])
        return equal_cost_bounds(np.diff(matrix.indptr) + 1, N_PARTS)

    @cached_property
    def _functions(self) -> tuple[Any, Any]:
        """Both products with their derivatives, as PyTorch functions; PyTorch is imported only here."""
        import torch

        product, dots = self.product, self.dots

        class Encode(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, table: torch.Tensor, inputs: csr_array) -> torch.Tensor:
                ctx.inputs = inputs
                return torch.from_numpy(product(inputs, table.numpy()))

            @staticmethod
            def backward(ctx: Any, gradient: torch.Tensor) -> Any:
                return torch.from_numpy(product(ctx.inputs.T.tocsr(), gradient.contiguous().numpy())), None

        class Decode(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, codes: torch.Tensor, table: torch.Tensor, cells: csr_array) -> torch.Tensor:
                ctx.cells = cells
                ctx.save_for_backward(codes, table)
                return torch.from_numpy(dots(cells, codes.numpy(), table.numpy()))

            @staticmethod
            def backward(ctx: Any, gradient: torch.Tensor) -> Any:
                codes, table = ctx.saved_tensors
                errors = csr_array((gradient.numpy(), ctx.cells.indices, ctx.cells.indptr), shape=ctx.cells.shape)
                by_codes, by_table = product(errors, table.numpy()), product(errors.T.tocsr(), codes.numpy())
                return torch.from_numpy(by_codes), torch.from_numpy(by_table), None

        return Encode, Decode


@dataclass(frozen=True, eq=False)
class DenseProducts:
    """The same by dense products of the batch, on any device."""

    device: "torch.device"

    def encode(self, inputs: csr_array, table: "torch.Tensor") -> "torch.Tensor":
        return self.to_dense(inputs) @ table

    def decode(self, cells: csr_array, codes: "torch.Tensor", table: "torch.Tensor") -> "torch.Tensor":
        rows, columns = self.positions(cells)
        return (codes @ table.T)[rows, columns]

    def to_dense(self, matrix: csr_array) -> "torch.Tensor":
        """The (b, n) matrix, filled on the device: only the cells are copied there."""
        import torch

        dense = torch.zeros(matrix.shape, device=self.device)
        dense[self.positions(matrix)] = torch.from_numpy(matrix.data).to(self.device)
        return dense

    def positions(self, matrix: csr_array) -> tuple["torch.Tensor", "torch.Tensor"]:
        """(nnz,) rows and (nnz,) columns of the cells."""
        import torch

        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        columns = matrix.indices.astype(np.int64)
        return torch.from_numpy(rows).to(self.device), torch.from_numpy(columns).to(self.device)


MaskedProducts = SparseProducts | DenseProducts


def _sparse_rows(matrix: csr_array) -> SparseRows:
    return SparseRows(matrix.indptr, matrix.indices, matrix.data)
