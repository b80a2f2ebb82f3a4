"""Send requests over many connections, each as soon as the last response arrives: far more than a server can answer.

    python -m soak.flood PORT CONNECTIONS SECONDS

It runs in a process of its own so that it shares neither a thread nor a lock with the measuring code. It prints one
line of JSON: responses by status, refusals without Retry-After, connections closed early, and seconds.
"""

import asyncio
import json
import sys
import time
from collections import Counter

import numpy as np
import uvloop

RAMP = 5.0  # seconds over which the connections are opened; the test is about requests, not about new connections


class FloodConnection(asyncio.Protocol):
    """A connection that sends the next request as soon as a response is complete."""

    def __init__(self, requests: list[bytes], first: int, seen: Counter[str]) -> None:
        self.requests, self.number, self.seen = requests, first, seen
        self.ended = False
        self.data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            status = head[9:12].decode()
            self.seen[status] += 1
            if status in ("429", "503") and b"\r\nretry-after: " not in head:
                self.seen["silent"] += 1
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended:
            self.seen["broken"] += 1

    def _next(self) -> None:
        self.number += 1
        if not self.ended:
            self.transport.write(self.requests[self.number % len(self.requests)])  # type: ignore[attr-defined]


async def flood(port: int, connections: int, seconds: float) -> dict[str, float]:
    """Requests recommendations on a number of connections for some seconds."""
    loop, seen, rng = asyncio.get_running_loop(), Counter[str](), np.random.default_rng(0)
    target = b"GET /users/%d/recommendations?n=10 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    requests = [target % user for user in rng.integers(0, 1000, 500)]
    open_connections = []
    for number in range(connections):
        _, one = await loop.create_connection(lambda n=number: FloodConnection(requests, n, seen), "127.0.0.1", port)  # type: ignore[misc]
        open_connections.append(one)
        await asyncio.sleep(RAMP / connections)
    opened, start = Counter(seen), time.perf_counter()
    await asyncio.sleep(seconds)
    for one in open_connections:
        one.ended = True
    counts: dict[str, float] = {key: count - opened[key] for key, count in seen.items()}
    return counts | {"seconds": time.perf_counter() - start}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(flood(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
