"""Numba's compiler as a decorator that keeps the signature: callers and type checkers see the function's own types."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba as nb

F = TypeVar("F", bound=Callable[..., Any])


def compiled(**options: Any) -> Callable[[F], F]:
    """`numba.njit` with these options."""
    return cast("Callable[[F], F]", nb.njit(**options))
