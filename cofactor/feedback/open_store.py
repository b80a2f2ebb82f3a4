"""Opening a store of ratings by its address: a file (SQLite), or a PostgreSQL database."""

import re
from pathlib import Path

from cofactor.errors import BadData
from cofactor.feedback.store import RatingStore, without_password

POSTGRES = ("postgresql://", "postgres://")
SQLITE = "sqlite:///"
ADDRESSES = "name a file, or postgresql://USER@HOST/DATABASE"


def open_store(address: str) -> RatingStore:
    """The store at an address, created if there is none: a file, sqlite:///FILE or postgresql://…

    Raises BadData for another kind of address, BadArtifact if the file or table is damaged or not a store of ratings,
    and Unavailable if it cannot be reached or the package for it is not installed. No message contains a password.
    """
    if not is_file(address):
        from cofactor.feedback.postgres import PostgresStore

        return PostgresStore.create(address)
    from cofactor.feedback.sqlite import SqliteStore

    return SqliteStore.create(_file(address))


def existing_store(address: str) -> RatingStore:
    """The store at an address, for reading; raises BadData if there is none, and creates nothing."""
    if not is_file(address):
        from cofactor.feedback.postgres import PostgresStore

        return PostgresStore(address)
    from cofactor.feedback.sqlite import SqliteStore

    return SqliteStore(_file(address))


def is_file(address: str) -> bool:
    """Whether an address is that of a file on this machine."""
    return not address.startswith(POSTGRES)


def display_name(address: str) -> str:
    """An address without user, password and options, for messages and records; for a file its name."""
    return without_password(address) if not is_file(address) else _file(address).name


def _file(address: str) -> Path:
    file = address.removeprefix(SQLITE)
    if not file or "\0" in file or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", file):
        kind = f"of the kind {file.partition(':')[0]}" if "://" in file else f"{file!r}"
        raise BadData(f"no store of ratings can be {kind}", ADDRESSES)
    return Path(file)
