"""Host names, origins and proxies that an operator names, checked because one that is misspelt would match nothing."""

import ipaddress
import re

from cofactor.errors import BadData

HOST = re.compile(r"\*|(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.ASCII)
MAPPED = "::ffff:"  # before an IPv4 address that reaches an IPv6 socket
MAPPED_BITS = 96


def check_host(name: str) -> str:
    """A name for the header `Host` in lower case; raises BadData for anything else."""
    if not HOST.fullmatch(name.lower()):
        hint = "write a name without scheme and path, such as recommender.example.org, an address such as [::1], or *"
        raise BadData(f"{name!r} is no host name", hint)
    return name.lower()


def check_origin(origin: str) -> str:
    """An origin as browsers send it, without a slash at the end; raises BadData for anything else."""
    written = origin.lower().removesuffix("/")
    if not ORIGIN.fullmatch(written):
        raise BadData(f"{origin!r} is no origin", "write scheme and host without a path: https://shop.example.org")
    return written


def check_proxy(address: str) -> tuple[str, ...]:
    """The address or network of a proxy; an IPv4 one also as IPv6 sockets see it. Raises BadData for anything else."""
    try:
        network = ipaddress.ip_network(address)
    except ValueError:
        raise BadData(f"{address!r} is no address of a proxy", "write 192.0.2.7, 10.0.0.0/8 or 2001:db8::7") from None
    if network.version != 4:
        return (address,)
    mapped = f"{MAPPED}{network.network_address}"
    return (address, f"{mapped}/{MAPPED_BITS + network.prefixlen}" if "/" in address else mapped)
