"""`cofactor serve`: a saved model over HTTP."""

import ipaddress
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cofactor.errors import CofactorError, Unavailable

if TYPE_CHECKING:
    from cofactor.serving.service import Service

STOP_WITHIN = 10  # seconds for requests that are under way
BACKLOG = 2048  # connections waiting to be accepted


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes any free one."
)
def serve(model: Path, host: str, port: int) -> None:
    """Serve the MODEL of a folder over HTTP, with a page to try it."""
    from threadpoolctl import threadpool_limits

    from cofactor.serving.bundle import Bundle
    from cofactor.serving.service import Service

    with _listen(host, port) as listening:
        service = Service(Bundle.open(model))
        # A request scores one user: threads inside a product of that size cost more than they bring, and requests
        # already run side by side.
        with threadpool_limits(1, "blas"):
            service.warm_up()
            _run(service, listening, f"serving {model} (version {service.answers().version})")


def _run(service: "Service", listening: socket.socket, what: str) -> None:
    import uvicorn

    from cofactor.serving.app import create_app

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(service),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_WITHIN,
        )
    )
    address, port = listening.getsockname()[:2]
    url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
    # uvicorn stops in good order and then raises the signal again; by then there is nothing left to interrupt.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    listening.listen(BACKLOG)
    click.echo(f"{what} on {url} — try {url}/", err=True)
    server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket bound to an address of this machine that only this machine can reach."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise Unavailable(f"no address is known for the host {host!r}", "try --host 127.0.0.1") from error
    if not ipaddress.ip_address(address[0]).is_loopback:
        raise CofactorError(
            f"{host} can be reached from other machines, and nothing here asks who is calling",
            "serve on 127.0.0.1, behind a proxy that lets in whom you choose",
        )
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise Unavailable(
            f"cannot listen on {host} port {port}: {os.strerror(error.errno or 0).lower()}",
            f"choose another with --port {port + 1}, or any free one with --port 0",
        ) from error
    return bound
