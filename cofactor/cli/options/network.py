"""The address that `serve` listens on, and who can reach it."""

import ipaddress
import os
import socket

import click

from cofactor.errors import CofactorError, Unavailable

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
FIRST_INHERITED = 3  # the descriptor of the first socket that a service manager opened for this process


def address_of(host: str) -> str:
    """The IP address of a host name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        raise Unavailable(f"no address is known for the host {host!r}", "try --host 127.0.0.1") from error
    return str(found)


def bind(address: str, port: int) -> socket.socket:
    """A socket bound to an address of this machine, not yet listening."""
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError as error:
        bound.close()
        raise Unavailable(
            f"cannot listen on {address} port {port}: {os.strerror(error.errno or 0).lower()}",
            f"choose another with --port {port + 1}, or any free one with --port 0",
        ) from error
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


def check_reachable(address: str, keys: bool, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The accepted Host headers: LOOPBACK and those given. Raises CofactorError if other machines could reach a service
    without API keys."""
    if ipaddress.ip_address(address).is_loopback:
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
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        click.echo("warning: serving to other machines as root: an ordinary user is enough", err=True)
    return (*LOOPBACK, *(hosts or (f"[{address}]" if ":" in address else address,)))


def url_of(listening: socket.socket) -> str:
    address, port = listening.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
