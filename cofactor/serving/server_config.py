"""How a service is run, as one value: what the command line reads, and what every worker process is given."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ServerConfig:
    """Everything that is decided before the first request. Picklable: worker processes receive it at their start."""

    models: tuple[tuple[str, Path], ...]  # name and folder, the default one first
    store: str = ""  # a file (SQLite) or postgresql://…; without one no rating is taken
    new_items: bool = False  # take ratings of items that no model knows yet
    allow: frozenset[str] | None = None  # items that may be listed, whatever is asked; None: all
    deny: frozenset[str] = frozenset()  # items that are never listed
    keys: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)  # name and SHA-256 of each key that may ask
    admin_keys: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)  # of each key that may reload
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")  # what a Host header may say; "*": anything
    origins: tuple[str, ...] = ()  # of pages that may ask from elsewhere (CORS)
    rate: float = 0.0  # requests a second for each key (each address, where there are no keys); 0: no limit
    waiting: int = 64  # requests that may wait for their turn in one worker; more are told to come again
    workers: int = 1  # processes
    watch: float = 2.0  # seconds between looks at the models' folders; 0: never
    drain: float = 0.0  # seconds to answer on after the signal to stop, while /ready says no
    proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is believed
    log: str = "problems"  # which requests are logged: "all", "problems" or "none"
