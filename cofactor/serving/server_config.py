"""The configuration of a server: made from the command line and passed to every worker process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict


@dataclass(frozen=True)
class ServerConfig:
    """Everything that is fixed before the first request. Written as JSON for the worker processes."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    models: tuple[tuple[str, Path], ...]  # name and folder, the default one first
    store: str = ""  # a file (SQLite) or postgresql://…; without one, no ratings are accepted
    new_items: bool = False  # accept ratings of items that are in no model yet
    allow: frozenset[str] | None = None  # the items that may be recommended; None: all
    deny: frozenset[str] = frozenset()  # the items that are never recommended
    keys: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)  # name and SHA-256 of each API key
    admin_keys: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)  # of each API key that may reload models
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")  # accepted Host headers; "*": any
    origins: tuple[str, ...] = ()  # of web pages that may send requests (CORS)
    rate: float = 0.0  # requests per second for each key, or each address without keys; 0: no limit
    waiting: int = 64  # requests that may wait in one worker; more are rejected with 503
    workers: int = 1  # processes
    server: str = "granian"  # or "uvicorn"
    watch: float = 2.0  # seconds between checks of the models' folders; 0: never
    drain: float = 0.0  # seconds to go on answering after the signal to stop, while /ready fails
    proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is trusted
    log: str = "problems"  # which requests are logged: "all", "problems" or "none"
