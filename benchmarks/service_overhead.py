"""Time that the service adds to an answer, measured by calling the application directly, without a socket.

python -m benchmarks.service_overhead
"""

import asyncio
from time import perf_counter
from typing import Any

from cofactor.serving.api.application import create_app

ROUNDS, AT_ONCE = 3_000, 10
ASKED = [("/live", b""), ("/genres", b""), ("/users/196/recommendations", b""), ("/users/196/recommendations", b"n=10")]


class Canned:
    """A service with constant answers."""

    version, store = "0", None
    ready = True

    def answers(self, name: str = "") -> Any:
        return self

    def brief(self, why: int = 0) -> bool:
        return True

    def __getattr__(self, ask: str) -> Any:
        return lambda *asked: {}


async def microseconds(app: Any, path: str, query: bytes) -> float:
    """The least of many means, so that other programs on the machine do not count."""
    headers = [(b"host", b"localhost:8000"), (b"user-agent", b"benchmark"), (b"accept", b"*/*")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": headers}
    least = float("inf")
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(AT_ONCE):
            await app(dict(scope), None, _nowhere)
        least = min(least, (perf_counter() - start) / AT_ONCE)
        await asyncio.sleep(0)
    return least * 1e6


async def _nowhere(message: Any) -> None:
    pass


async def main() -> None:
    app = create_app(Canned())  # type: ignore[arg-type]
    for path, query in ASKED:
        print(f"{await microseconds(app, path, query):6.1f} µs  {path}{'?' * bool(query)}{query.decode()}")


if __name__ == "__main__":
    asyncio.run(main())
