"""How often somebody may ask."""

from collections import OrderedDict
from ipaddress import AddressValueError, IPv6Address

MOST_KNOWN = 10_000  # of whom it is remembered when they asked; then the one that asked longest ago is forgotten
ROUNDING = 1e-6  # seconds


class Rate:
    """A bucket of tokens for each name: `rate` come in a second, at most `burst` are kept, a request takes one.

    A bucket is kept as one number: the time at which it would be full again. Then a request fits where that time lies
    at most burst/rate seconds ahead (the generic cell rate algorithm, ITU-T I.371). Memory is bounded: somebody with
    more addresses than are remembered is not held back by their number anyway.
    """

    def __init__(self, rate: float, burst: float | None = None, most_known: int = MOST_KNOWN) -> None:
        self._each = 1.0 / rate  # seconds that bring one token
        self._ahead = max(1.0, rate if burst is None else burst) * self._each
        self._full: OrderedDict[str, float] = OrderedDict()
        self._most_known = most_known

    def __len__(self) -> int:
        return len(self._full)

    def take(self, name: str, now: float) -> float:
        """Takes a token: 0, or in how many seconds there will be one (then none is taken)."""
        wait = self.wait(name, now)
        if wait <= 0.0:
            self._full[name] = max(now, self._full.get(name, now)) + self._each
            self._full.move_to_end(name)
            if len(self._full) > self._most_known:
                self._full.popitem(last=False)
        return wait

    def wait(self, name: str, now: float) -> float:
        """Seconds until there is a token; 0 where there is one."""
        seconds = max(now, self._full.get(name, now)) + self._each - self._ahead - now
        return seconds if seconds > ROUNDING else 0.0


def neighbourhood(address: str) -> str:
    """An address as it is counted: of IPv6 the first 64 bits, for whoever has one of those addresses has them all."""
    if ":" not in address:
        return address
    try:
        return f"{int(IPv6Address(address.partition('%')[0])) >> 64:x}"
    except AddressValueError:
        return address
