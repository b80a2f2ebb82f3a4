"""A PostgreSQL server of Debian's programs, in a temporary folder and behind a socket in it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psycopg
from psycopg import sql

USERS = ("postgres", "nobody")  # one of them runs it where we are root, whom PostgreSQL refuses
SETTINGS = {
    "listen_addresses": "",
    "fsync": "on",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_size": "64MB",
}


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where they are not installed."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    return Path(found).parent if found else None


@dataclass(frozen=True)
class Server:
    programs: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=count)

    @classmethod
    def made(cls, programs: Path, where: Path | None = None) -> "Server":
        made = cls(programs, Path(mkdtemp(prefix="pg", dir=where)))
        if "user" in made._user():
            shutil.chown(made.folder, made._user()["user"])
        made._run("initdb", "-D", made.data, "-U", "cofactor", "-A", "trust", "-E", "UTF8", "--locale", "C")
        with (made.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
            file.write(f"unix_socket_directories = '{made.folder}'\n")
        return made

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def address(self, **more: str) -> str:
        asked = "&".join(f"{name}={value}" for name, value in {"host": str(self.folder), **more}.items())
        return f"postgresql://cofactor:unused-pa55word@/postgres?{asked}"

    def new_schema(self) -> str:
        """The address of an empty schema: a place of its own for one test."""
        name = f"t{next(self.numbers)}"
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        return self.address(options=f"-csearch_path%3D{name}")

    def start(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """immediate: as if it had been killed; it recovers from its log when it starts again."""
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", timeout=60, **self._user())

    @staticmethod
    def _user() -> dict[str, str]:
        if os.geteuid() != 0:
            return {}
        import pwd

        known = {one.pw_name for one in pwd.getpwall()}
        user = next(name for name in USERS if name in known)
        return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
