"""Rate limits: how often a client may send requests, counted over all server processes."""

import secrets
from collections import OrderedDict
from hashlib import blake2b
from ipaddress import AddressValueError, IPv6Address
from mmap import mmap
from pathlib import Path
from typing import Protocol

MAX_CLIENTS = 10_000  # whose times a process keeps; beyond that it forgets the one that asked longest ago
PLACES = 1 << 16  # in memory that processes share: 512 KiB
ROUNDING = 1e-6  # seconds
KEY_SIZE = 16


class Times(Protocol):
    """A time for each name; long before now for an unknown one."""

    def get(self, name: str) -> float: ...
    def put(self, name: str, time: float) -> None: ...


class LocalTimes:
    """The times of the latest names, for one process."""

    def __init__(self, max_clients: int = MAX_CLIENTS) -> None:
        self._known: OrderedDict[str, float] = OrderedDict()
        self._max_clients = max_clients

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: str) -> float:
        return self._known.get(name, 0.0)

    def put(self, name: str, time: float) -> None:
        self._known[name] = time
        self._known.move_to_end(name)
        if len(self._known) > self._max_clients:
            self._known.popitem(last=False)


class SharedTimes:
    """Times in a memory-mapped file, for several processes, which have the same monotonic clock.

    A keyed digest of the name is its place, so that a client cannot choose with whom it shares one. If two processes
    write at the same moment, one of two requests is not counted.
    """

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            memory = memoryview(mmap(opened.fileno(), 0))
        self._key, self._times = bytes(memory[:KEY_SIZE]), memory[KEY_SIZE:].cast("d")

    @classmethod
    def create(cls, file: Path, places: int = PLACES) -> None:
        """Writes a file of times for other processes to open."""
        file.write_bytes(secrets.token_bytes(KEY_SIZE) + bytes(8 * places))

    def get(self, name: str) -> float:
        return self._times[self._place(name)]

    def put(self, name: str, time: float) -> None:
        self._times[self._place(name)] = time

    def _place(self, name: str) -> int:
        digest = blake2b(name.encode(errors="surrogateescape"), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest) % len(self._times)


class RateLimit:
    """A token bucket for each name: `rate` tokens per second, at most `burst` of them, one for each request.

    A bucket is stored as the time at which it would be full again. A request is accepted if that time is at most
    burst/rate seconds ahead (the generic cell rate algorithm, ITU-T I.371), so memory is one number for each name.
    """

    def __init__(self, rate: float, burst: float | None = None, times: Times | None = None, kind: str = "") -> None:
        """times: where times are stored; several limits with different kinds may share them."""
        self._per_token = 1.0 / rate  # seconds
        self._max_ahead = max(1.0, rate if burst is None else burst) * self._per_token
        self._times: Times = LocalTimes() if times is None else times
        self._kind = kind

    def take(self, name: str, now: float) -> float:
        """Takes a token and returns 0; without one, returns the seconds until there is one."""
        wait = self.wait(name, now)
        if wait <= 0.0:
            self._times.put(self._kind + name, max(now, self._times.get(self._kind + name)) + self._per_token)
        return wait

    def wait(self, name: str, now: float) -> float:
        """Seconds until there is a token; 0 if there is one."""
        full = max(now, self._times.get(self._kind + name))
        seconds = full + self._per_token - self._max_ahead - now
        return seconds if seconds > ROUNDING else 0.0


def client_network(address: str) -> str:
    """The address under which a client is counted: the first 64 bits of IPv6, because one client has all of the rest.

    An IPv4 client that reaches an IPv6 socket (::ffff:a.b.c.d) is counted by its own IPv4 address.
    """
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except AddressValueError:
        return address
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else f"{int(parsed) >> 64:x}"
