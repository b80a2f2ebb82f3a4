"""The address of a PostgreSQL store: checked before anything connects, and shown without its secrets."""

import psycopg
from psycopg import conninfo

from cofactor.errors import BadData
from cofactor.feedback.store import TIMEOUT

KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}


def parse_address(address: str) -> str:
    """The address with timeouts added. An address that libpq would misread is rejected before anything connects: the
    part it takes for a host or a port may belong to a password, and its error message would show it."""
    try:
        given = conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        given = {"port": "unreadable"}
    ports = str(given.get("port") or "5432").split(",")
    misread = "@" in f"{given.get('host', '')}{given.get('dbname', '')}"
    if misread or not all(port.isdigit() for port in ports):
        raise BadData(
            "the address of the PostgreSQL store is invalid",
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with @ : / ? % written as %40 %3A %2F %3F %25",
        )
    timeouts: dict[str, str | int] = {"connect_timeout": int(TIMEOUT), "application_name": "cofactor", **KEEPALIVES}
    return conninfo.make_conninfo(address, **{key: value for key, value in timeouts.items() if key not in given})
