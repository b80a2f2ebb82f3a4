"""Finding the route of a request."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cofactor.serving.http.exchange import Header
from cofactor.serving.http.problems import Problem, printable
from cofactor.serving.http.routes import Route

T = TypeVar("T")


@dataclass(frozen=True)
class Table(Generic[T]):
    """Finds what answers a method and a path.

    A path is looked up by its first part; below it the patterns are tried in order. An id may hold slashes as they are
    where it is plain what is meant: of two ways to read a path, the one that some route takes wins.
    """

    _below: dict[str, list[tuple[re.Pattern[str], Route, T]]] = field(default_factory=dict)

    @classmethod
    def of(cls, routes: Iterable[tuple[Route, T]]) -> "Table[T]":
        table = cls()
        for route, answering in routes:
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "(.*)", re.escape(route.path)), re.DOTALL)
            table._below.setdefault(_first(route.path), []).append((pattern, route, answering))
        for routes_below in table._below.values():  # what ends in words of its own before what ends in an id
            routes_below.sort(key=lambda one: one[1].path.endswith("}"))
        return table

    def find(self, method: str, path: str, twin: bool) -> tuple[Route, T, tuple[str, ...]]:
        """The route, what answers it, and the ids as they stand in the path; raises Problem (404 or 405)."""
        for match, route, answering in self._matches(path, twin):
            if method in route.methods:
                return route, answering, match.groups()
        refused = f"{printable(path)} does not take {printable(method)}"
        raise Problem(405, refused, headers=[self.allow(path, twin)])

    def allow(self, path: str, twin: bool) -> Header:
        """The methods that a path takes; raises Problem (404) where it is none."""
        methods = {method for _, route, _ in self._matches(path, twin) for method in route.methods}
        if not methods:
            raise Problem(404, f"there is nothing at {printable(path)}")
        return (b"allow", ", ".join(sorted({*methods, "OPTIONS"})).encode())

    def _matches(self, path: str, twin: bool) -> Iterator[tuple[re.Match[str], Route, T]]:
        for pattern, route, answering in self._below.get(_first(path), ()):
            if (route.twin or not twin) and (match := pattern.fullmatch(path)):
                yield match, route, answering


def _first(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""
