"""How often somebody may ask."""

import multiprocessing
import secrets
from collections import OrderedDict
from collections.abc import MutableSequence
from hashlib import blake2b
from ipaddress import AddressValueError, IPv6Address
from typing import Protocol

MOST_KNOWN = 10_000  # of whom it is remembered when they asked; then the one that asked longest ago is forgotten
PLACES = 1 << 16  # in memory that processes share: 512 KiB
ROUNDING = 1e-6  # seconds


class Times(Protocol):
    """A time for each name; long before now for one that is not known."""

    def get(self, name: str) -> float: ...
    def put(self, name: str, time: float) -> None: ...


class Remembered:
    """The times of the names that were put last, at most so many."""

    def __init__(self, most_known: int = MOST_KNOWN) -> None:
        self._known: OrderedDict[str, float] = OrderedDict()
        self._most = most_known

    def __len__(self) -> int:
        return len(self._known)

    def get(self, name: str) -> float:
        return self._known.get(name, 0.0)

    def put(self, name: str, time: float) -> None:
        self._known[name] = time
        self._known.move_to_end(name)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


class Shared:
    """The same for several processes, whose monotonic clock is one: what a name may ask of all of them together.

    A name has the place that its digest says, under a key of this run, so that nobody can choose whose place to share.
    Two processes that write at the same moment lose one of two tokens taken, no more.
    """

    def __init__(self, places: int = PLACES) -> None:
        self._key = secrets.token_bytes(16)
        self._times: MutableSequence[float] = multiprocessing.get_context("spawn").RawArray("d", places)

    def get(self, name: str) -> float:
        return self._times[self._place(name)]

    def put(self, name: str, time: float) -> None:
        self._times[self._place(name)] = time

    def _place(self, name: str) -> int:
        digest = blake2b(name.encode(errors="surrogateescape"), key=self._key, digest_size=8).digest()
        return int.from_bytes(digest) % len(self._times)


class Rate:
    """A bucket of tokens for each name: `rate` come in a second, at most `burst` are kept, a request takes one.

    A bucket is kept as one number: the time at which it would be full again. Then a request fits where that time lies
    at most burst/rate seconds ahead (the generic cell rate algorithm, ITU-T I.371). Memory is bounded: somebody with
    more addresses than are remembered is not held back by their number anyway.
    """

    def __init__(self, rate: float, burst: float | None = None, full: Times | None = None, of: str = "") -> None:
        """`full`: where the times are kept, which several rates may share where each says of what it is."""
        self._each = 1.0 / rate  # seconds that bring one token
        self._ahead = max(1.0, rate if burst is None else burst) * self._each
        self._full: Times = Remembered() if full is None else full
        self._of = of

    def take(self, name: str, now: float) -> float:
        """Takes a token: 0, or in how many seconds there will be one (then none is taken)."""
        wait = self.wait(name, now)
        if wait <= 0.0:
            self._full.put(self._of + name, max(now, self._full.get(self._of + name)) + self._each)
        return wait

    def wait(self, name: str, now: float) -> float:
        """Seconds until there is a token; 0 where there is one."""
        seconds = max(now, self._full.get(self._of + name)) + self._each - self._ahead - now
        return seconds if seconds > ROUNDING else 0.0


def neighbourhood(address: str) -> str:
    """An address as it is counted: of IPv6 the first 64 bits, for whoever has one of those addresses has them all."""
    if ":" not in address:
        return address
    try:
        return f"{int(IPv6Address(address.partition('%')[0])) >> 64:x}"
    except AddressValueError:
        return address
