"""The socket that a service listens on, and the check that only clients with API keys reach it from other machines."""

import ipaddress
import os
import socket

from cofactor.errors import CofactorError, Unavailable

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
FIRST_INHERITED = 3  # the descriptor of the first socket that a service manager opened for this process


def check_system(name: str = os.name) -> None:
    """Raises CofactorError on a system on which no server runs; name: as `os.name`."""
    if name != "posix":
        raise CofactorError(
            "the service runs on Linux and macOS, not on Windows", "start it in WSL 2 or in a container"
        )


def address_of(host: str) -> str:
    """The IP address of a host name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    except OSError:
        raise Unavailable(f"no address is known for the host {host!r}", "try --host 127.0.0.1") from None
    return str(found)


def bind(address: str, port: int) -> socket.socket:
    """A socket bound to an address of this machine, not listening, so that server processes can listen there as well.

    Sockets of one user may share a port (SO_REUSEPORT), so it is first bound without sharing: an address that another
    program listens on is an error. Raises Unavailable.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        port = bound.getsockname()[1]
        bound.close()
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "SO_REUSEPORT"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise Unavailable(
            f"cannot listen on {address} port {port}: {os.strerror(error.errno or 0).lower()}",
            f"choose another with --port {port + 1}, or any free one with --port 0",
        ) from None
    return bound


def inherited_socket() -> socket.socket | None:
    """The socket that systemd opened for this process (sd_listen_fds), if it did.

    It outlives the process: a client that connects during a restart waits instead of being refused.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS", "0") == "0":
        return None
    if os.environ["LISTEN_FDS"] != "1":
        raise CofactorError("more than one socket was passed to this process", "give the unit a single ListenStream=")
    return socket.socket(fileno=FIRST_INHERITED)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach an IP address."""
    return ipaddress.ip_address(address).is_loopback


def check_reachable(address: str, keys: bool, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The accepted Host headers: LOOPBACK and those given, or the address itself where none is given.

    keys: whether the service requires API keys. Raises CofactorError where other machines could reach a service without
    API keys, and where no Host headers are given for an unspecified address such as 0.0.0.0.
    """
    if is_loopback(address):
        return (*LOOPBACK, *hosts)
    if not keys:
        raise CofactorError(
            f"{address} can be reached from other machines, and the service would answer anyone",
            "require API keys with --keys FILE, or serve on 127.0.0.1 behind a proxy that authenticates clients",
        )
    if not hosts and ipaddress.ip_address(address).is_unspecified:
        raise CofactorError(
            f"serving on {address} needs the host names that clients use for this machine",
            "add --allowed-host recommender.example.org for each, or '*' behind a proxy that checks them",
        )
    return (*LOOPBACK, *(hosts or (f"[{address}]" if ":" in address else address,)))


def url_of(listening: socket.socket) -> str:
    """The address of a socket as a URL."""
    address, port = listening.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
