"""Numba's compiler as a decorator that keeps the signature: callers and type checkers see the function's own types."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba as nb

from cofactor.kernels.compilation.kernel_cache import make_cache

F = TypeVar("F", bound=Callable[..., Any])


def compiled(*, cache: bool = False, **options: Any) -> Callable[[F], F]:
    """`numba.njit` with these options. cache: keeps the compiled function for other processes, see `kernel_cache`."""

    def decorate(function: F) -> F:
        dispatcher = nb.njit(**options)(function)
        if cache and dispatcher is not function:  # it is where NUMBA_DISABLE_JIT is set
            dispatcher._cache = make_cache(function)
        return cast("F", dispatcher)

    return decorate
