"""`cofactor serve`: serves saved models over HTTP."""

import os
import socket
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cofactor.cli.options.finite_range import FiniteRange
from cofactor.control_characters import escape_controls
from cofactor.errors import CofactorError
from cofactor.serving.allowed_clients import check_host, check_origin, check_proxy
from cofactor.serving.listening_socket import (
    address_of,
    bind,
    check_reachable,
    check_system,
    inherited_socket,
    is_loopback,
    url_of,
)

if TYPE_CHECKING:
    from cofactor.serving.server_config import ServerConfig

LONGEST_NAME = 100
DAY = 86_400.0  # seconds
LOWEST_RATE = 1e-3  # requests per second


def _read_ids(_: click.Context, __: click.Parameter, path: Path | None) -> frozenset[str] | None:
    """The ids in a file, one a line; blank lines are ignored."""
    if path is None:
        return None
    try:
        return frozenset(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except UnicodeDecodeError:
        raise CofactorError(f"{path} is not UTF-8 text", "write one id a line") from None


def _check_rate(_: click.Context, __: click.Parameter, rate: float) -> float:
    if 0 < rate < LOWEST_RATE:
        raise click.BadParameter(f"{rate:g} is less than {LOWEST_RATE:g}; 0 sets no limit.")
    return rate


def _load_keys(option: str, path: Path | None) -> tuple[tuple[str, bytes], ...]:
    """The keys in a file, or by default in the environment variable COFACTOR_KEYS or COFACTOR_ADMIN_KEYS."""
    from cofactor.serving.api.api_keys import read_keys

    text = os.environ.get(f"COFACTOR_{option.upper()}", "")
    return read_keys(path) if path else read_keys(text) if text else ()


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
KEYS = click.Path(path_type=Path)


@click.command()
@click.argument("model", nargs=-1, required=True, metavar="[NAME=]FOLDER…")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 takes any free port.",
)
@click.option("--store", default="", metavar="FILE|postgresql://…", help="Accept ratings and store them there.")
@click.option("--new-items", is_flag=True, help="Accept ratings of items that are in no model yet.")
@click.option("--allow", type=FILE, callback=_read_ids, help="Recommend only the items in this file, one id a line.")
@click.option("--deny", type=FILE, callback=_read_ids, help="Never recommend the items in this file, one id a line.")
@click.option("--keys", type=KEYS, help="Answer only clients with an API key from this file or COFACTOR_KEYS.")
@click.option("--admin-keys", type=KEYS, help="File of API keys that may also reload models, or COFACTOR_ADMIN_KEYS.")
@click.option("--allowed-host", "hosts", multiple=True, help="Host header to accept. Repeatable.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    help="Origin of web pages that may send requests (CORS), such as https://shop.example.org.",
)
@click.option("--proxy", "proxies", multiple=True, help="Address of a proxy whose X-Forwarded-For is trusted.")
@click.option(
    "--rate",
    default=0.0,
    type=FiniteRange(0),
    callback=_check_rate,
    help="Requests per second for each key; 0: no limit.",
)
@click.option(
    "--waiting", default=64, show_default=True, type=click.IntRange(1), help="Requests that may wait in each process."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Number of server processes."
)
@click.option(
    "--server",
    default="granian",
    show_default=True,
    type=click.Choice(["granian", "uvicorn"]),
    help="HTTP server to run. A socket of systemd is always served by uvicorn.",
)
@click.option(
    "--watch",
    default=2.0,
    show_default=True,
    type=FiniteRange(0, DAY),
    help="Seconds between checks for newer models; 0: never.",
)
@click.option(
    "--drain", default=0.0, type=FiniteRange(0, DAY), help="Seconds to keep answering requests after a signal to stop."
)
@click.option(
    "--log",
    default="problems",
    show_default=True,
    type=click.Choice(["all", "problems", "none"]),
    help="Which requests to log.",
)
def serve(model: tuple[str, ...], host: str, port: int, **options: Any) -> None:
    """Serve the models in one or more folders over HTTP, with a web page to try them.

    The first model answers requests that name none. NAME defaults to the name of the folder.
    """
    from cofactor.serving.server_config import ServerConfig

    check_system()
    models = _parse_models(model)
    opened = inherited_socket()
    address = opened.getsockname()[0] if opened else address_of(host)
    options |= {name: _load_keys(name, options[name]) for name in ("keys", "admin_keys")}
    options["hosts"] = check_reachable(address, bool(options["keys"]), tuple(map(check_host, options["hosts"])))
    options["origins"] = tuple(map(check_origin, options["origins"]))
    options["proxies"] = tuple(chain.from_iterable(map(check_proxy, options["proxies"])))
    if not is_loopback(address) and hasattr(os, "geteuid") and os.geteuid() == 0:
        click.echo("warning: serving to other machines as root: an ordinary user is enough", err=True)
    options["deny"] = options["deny"] or frozenset()
    with opened or bind(address, port) as listening:
        _run(ServerConfig(models=models, **options), listening, inherited=opened is not None)


def _run(settings: "ServerConfig", listening: socket.socket, inherited: bool) -> None:
    def started(versions: dict[str, str]) -> None:
        what = ", ".join(
            f"{escape_controls(str(folder))} (version {versions[name]})" for name, folder in settings.models
        )
        click.echo(f"serving {what} on {url_of(listening)}", err=True)

    from cofactor.serving.processes.server import serve as run_server

    run_server(settings, listening, started, inherited)


def _parse_models(models: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """The name and the folder of each model: NAME=FOLDER, or FOLDER with its own name."""
    named: dict[str, Path] = {}
    for one in models:
        name, equals, folder = one.partition("=")
        if not equals or Path(one).exists():
            name, folder = Path(one).resolve().name, one
        if not name.isprintable() or "/" in name or not 0 < len(name) <= LONGEST_NAME:
            raise CofactorError(f"a model cannot be called {name[:LONGEST_NAME]!r}", f"give it a name: svd={folder}")
        if name in named:
            raise CofactorError(f"two models are called {name!r}", f"give one another name: {name}2={folder}")
        named[name] = Path(folder)
    return tuple(named.items())
