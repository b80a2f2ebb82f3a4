"""What an autoencoder multiplies: the input of a batch by the first table, its codes by the last, at rated cells alone.

On the CPU by kernels of our own, as functions that PyTorch can differentiate; elsewhere by dense products of the batch.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from cofactor.arrays import Array, Floats

if TYPE_CHECKING:
    import torch

PIECES = 16  # ranges of rows of about equal work that threads take in turn


@dataclass(frozen=True, eq=False)
class Kernels:
    """Products on the CPU; `pool` None for one thread. The results do not depend on how many there are."""

    pool: ThreadPoolExecutor | None

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
        self._over(matrix, lambda a, b: multiply_rows(a, b, *_parts(matrix), dense, out))
        return out

    def dots(self, cells: csr_array, left: Floats, right: Floats) -> Floats:
        """(nnz,) left_r · right_c at each cell (r, c)."""
        from cofactor.kernels.masked_product import dot_rows

        out = np.empty(cells.nnz, np.float32)
        self._over(cells, lambda a, b: dot_rows(a, b, *_parts(cells)[:2], left, right, out))
        return out

    def _over(self, matrix: csr_array, work: Any) -> None:
        """Calls work(first, last) for pieces of the rows."""
        if self.pool is None:
            work(0, matrix.shape[0])
            return
        work_at = matrix.indptr + np.arange(len(matrix.indptr))
        edges = np.searchsorted(work_at, np.linspace(0, work_at[-1], PIECES + 1))
        for done in [self.pool.submit(work, a, b) for a, b in pairwise(edges.tolist())]:
            done.result()

    @cached_property
    def _functions(self) -> tuple[Any, Any]:
        """Both products with their derivatives, for PyTorch, which is imported no sooner."""
        import torch

        product, dots = self.product, self.dots

        class Encode(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, table: torch.Tensor, inputs: csr_array) -> torch.Tensor:
                ctx.inputs = inputs
                return torch.from_numpy(product(inputs, table.numpy()))

            @staticmethod
            def backward(ctx: Any, given: torch.Tensor) -> Any:
                return torch.from_numpy(product(ctx.inputs.T.tocsr(), given.contiguous().numpy())), None

        class Decode(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, codes: torch.Tensor, table: torch.Tensor, cells: csr_array) -> torch.Tensor:
                ctx.cells = cells
                ctx.save_for_backward(codes, table)
                return torch.from_numpy(dots(cells, codes.numpy(), table.numpy()))

            @staticmethod
            def backward(ctx: Any, given: torch.Tensor) -> Any:
                codes, table = ctx.saved_tensors
                errors = csr_array((given.numpy(), ctx.cells.indices, ctx.cells.indptr), shape=ctx.cells.shape)
                of_codes, of_table = product(errors, table.numpy()), product(errors.T.tocsr(), codes.numpy())
                return torch.from_numpy(of_codes), torch.from_numpy(of_table), None

        return Encode, Decode


@dataclass(frozen=True, eq=False)
class DenseProducts:
    """The same by dense products of the batch, on any device."""

    device: "torch.device"

    def encode(self, inputs: csr_array, table: "torch.Tensor") -> "torch.Tensor":
        return self.filled(inputs) @ table

    def decode(self, cells: csr_array, codes: "torch.Tensor", table: "torch.Tensor") -> "torch.Tensor":
        rows, columns = self.places(cells)
        return (codes @ table.T)[rows, columns]

    def filled(self, matrix: csr_array) -> "torch.Tensor":
        """(b, n) of a sparse matrix, filled on the device: only the cells travel."""
        import torch

        dense = torch.zeros(matrix.shape, device=self.device)
        dense[self.places(matrix)] = torch.from_numpy(matrix.data).to(self.device)
        return dense

    def places(self, matrix: csr_array) -> tuple["torch.Tensor", "torch.Tensor"]:
        """(nnz,) rows and (nnz,) columns of the cells."""
        import torch

        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        columns = matrix.indices.astype(np.int64)
        return torch.from_numpy(rows).to(self.device), torch.from_numpy(columns).to(self.device)


Products = Kernels | DenseProducts


def _parts(matrix: csr_array) -> tuple[Array, Array, Array]:
    return matrix.indptr, matrix.indices, matrix.data
