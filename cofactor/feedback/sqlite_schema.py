"""The tables of a store in an SQLite file, and the checks that a file is one.

`feedback` holds the events, and is the table of the first version. The others were added since. Triggers keep them up
to date, so that they are also right when an earlier version of cofactor, or a person, writes to the file.
"""

from typing import Any

import apsw

from cofactor.errors import BadArtifact

APPLICATION = int.from_bytes(b"cofF")  # in the header of the file, at byte 68
VERSION = 1
RESTORE = "it was not changed; replace it with a backup, or name another file"

SCHEMA = (
    "CREATE TABLE feedback (user TEXT NOT NULL, item TEXT NOT NULL, rating REAL, time INTEGER NOT NULL, "
    "PRIMARY KEY (user, item)) STRICT, WITHOUT ROWID"
)
USER_COUNTS = (
    "CREATE TABLE user_counts (user TEXT PRIMARY KEY, events INTEGER NOT NULL) STRICT, WITHOUT ROWID"  # per user
)
CHANGES = (  # the latest ones, for processes that follow the events of others
    "CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, item TEXT NOT NULL, "
    "existed INTEGER NOT NULL, before REAL, after REAL) STRICT"
)
FORGOTTEN = (  # digests of the ids of people who were forgotten
    "CREATE TABLE forgotten (number INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, "
    "time INTEGER NOT NULL) STRICT"
)
TITLES = "CREATE TABLE titles (item TEXT PRIMARY KEY, title TEXT NOT NULL) STRICT, WITHOUT ROWID"
SETTINGS = "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID"  # salt, identity
# BEFORE, because the row that INSERT OR REPLACE removes is there only then.
EVENT_ADDED = """CREATE TRIGGER event_added BEFORE INSERT ON feedback BEGIN
  INSERT INTO changes (user, item, existed, before, after)
    SELECT NEW.user, NEW.item, count(*), max(rating), NEW.rating FROM feedback
    WHERE user = NEW.user AND item = NEW.item;
  INSERT INTO user_counts SELECT NEW.user, 1
    WHERE (SELECT existed FROM changes WHERE number = last_insert_rowid()) = 0
    ON CONFLICT (user) DO UPDATE SET events = events + 1;
END"""
EVENT_REMOVED = """CREATE TRIGGER event_removed AFTER DELETE ON feedback BEGIN
  UPDATE user_counts SET events = events - 1 WHERE user = OLD.user;
  DELETE FROM user_counts WHERE user = OLD.user AND events <= 0;
  UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'changes';
END"""

ADDITIONS = {
    "user_counts": USER_COUNTS,
    "changes": CHANGES,
    "forgotten": FORGOTTEN,
    "titles": TITLES,
    "settings": SETTINGS,
    "event_added": EVENT_ADDED,
    "event_removed": EVENT_REMOVED,
}
FILL = (
    "INSERT INTO user_counts SELECT user, count(*) FROM feedback GROUP BY user",
    "INSERT INTO settings VALUES ('salt', randomblob(32)), ('identity', randomblob(8))",
    "INSERT INTO sqlite_sequence VALUES ('changes', 0)",  # from which removed events are told apart
)


def is_empty(connection: apsw.Connection) -> bool:
    """Whether a database is empty; raises BadArtifact if it is neither empty nor a store of this version."""
    application, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), "
        "(SELECT count(*) FROM sqlite_schema)"
    ).get
    if application == version == tables == 0:
        return True
    path = connection.filename
    if application != APPLICATION:
        raise BadArtifact(f"{path} is a database of another application", "name another file; it was not changed")
    if version != VERSION:
        raise BadArtifact(f"{path} has version {version}; this cofactor reads version {VERSION}", "upgrade cofactor")
    if connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'feedback'").get != SCHEMA:
        raise BadArtifact(f"{path} has no table of ratings of version {VERSION}", RESTORE)
    return False


def create_table(connection: apsw.Connection) -> None:
    """Turns an empty database into a store, unless another process has done so in the meantime."""
    connection.execute("BEGIN IMMEDIATE")
    if is_empty(connection):
        connection.execute(SCHEMA)
        connection.execute(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def add_tables(connection: apsw.Connection) -> None:
    """Adds the tables and triggers that a store of an earlier cofactor lacks; raises BadArtifact for others of these
    names."""
    if not _missing(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        missing = _missing(connection)  # another process may have added them in the meantime
        for name in missing:
            connection.execute(ADDITIONS[name])
        if "user_counts" in missing:
            for statement in FILL:
                connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _missing(connection: apsw.Connection) -> list[str]:
    found: dict[Any, Any] = dict(connection.execute("SELECT name, sql FROM sqlite_schema").fetchall())  # type: ignore[arg-type]
    for name, statement in ADDITIONS.items():
        if found.get(name, statement) != statement:
            raise BadArtifact(f"{connection.filename} has another {name!r} than cofactor creates", RESTORE)
    missing = [name for name in ADDITIONS if name not in found]
    if missing and len(missing) < len(ADDITIONS):
        raise BadArtifact(f"{connection.filename} lacks {', '.join(missing)}", RESTORE)
    return missing
