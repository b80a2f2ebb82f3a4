"""The tables of a store in a PostgreSQL database.

`cofactor_feedback` holds the events, and is the table of the first version. The others were added since. Triggers keep
them up to date, so that they are also right when an earlier version of cofactor, or a person, writes to the table.
Ids and titles are UTF-8 bytes, so that any text fits into a database of any encoding.
"""

FORMAT = "cofactor feedback 1"  # the comment on the table
CHANGES_KEPT = 10_000  # changes after which a process that did not follow them reads everything again
IN_FLIGHT = 5_000  # changes that a transaction may be behind those of others

SCHEMA = (
    'CREATE TABLE cofactor_feedback ("user" bytea NOT NULL, item bytea NOT NULL, rating float8, '
    'time bigint NOT NULL, PRIMARY KEY ("user", item))',
    f"COMMENT ON TABLE cofactor_feedback IS '{FORMAT}'",
    'CREATE VIEW cofactor_ratings AS SELECT {} AS "user", {} AS item, rating, time, to_timestamp(time) AS at '
    "FROM cofactor_feedback".format(
        *(
            rf"CASE WHEN position('\x00'::bytea IN {name}) > 0 THEN encode({name}, 'escape') "
            f"ELSE convert_from({name}, 'UTF8') END"
            for name in ('"user"', "item")
        )
    ),
)
TABLES = {
    "cofactor_user_counts": '("user" bytea PRIMARY KEY, events bigint NOT NULL)',
    # The latest changes, for processes that follow the events of others; `xid` tells which ones a snapshot contains.
    "cofactor_changes": '(number bigserial PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), "user" bytea '
    "NOT NULL, item bytea NOT NULL, existed boolean NOT NULL, before float8, after float8)",
    "cofactor_forgotten": "(number bigserial PRIMARY KEY, digest bytea NOT NULL UNIQUE, time bigint NOT NULL)",
    "cofactor_titles": "(item bytea PRIMARY KEY, title bytea NOT NULL)",
    "cofactor_settings": "(name text PRIMARY KEY, value bytea, number bigint)",
}
TRIGGERS = {
    "cofactor_event_added": (
        "INSERT",
        "NEW TABLE AS latter",
        """INSERT INTO cofactor_user_counts SELECT "user", count(*) FROM latter GROUP BY "user" ORDER BY "user"
             ON CONFLICT ("user") DO UPDATE SET events = cofactor_user_counts.events + EXCLUDED.events;
           INSERT INTO cofactor_changes ("user", item, existed, after)
             SELECT "user", item, false, rating FROM latter;""",
    ),
    "cofactor_event_replaced": (
        "UPDATE",
        "OLD TABLE AS former NEW TABLE AS latter",
        """INSERT INTO cofactor_changes ("user", item, existed, before, after)
             SELECT "user", item, true, former.rating, latter.rating FROM latter JOIN former USING ("user", item);""",
    ),
    "cofactor_event_removed": (
        "DELETE",
        "OLD TABLE AS former",
        """UPDATE cofactor_user_counts SET events = cofactor_user_counts.events - removed.events
             FROM (SELECT "user", count(*) AS events FROM former GROUP BY "user") AS removed
             WHERE cofactor_user_counts."user" = removed."user";
           DELETE FROM cofactor_user_counts WHERE events <= 0 AND "user" IN (SELECT "user" FROM former);
           UPDATE cofactor_settings SET number = number + 1 WHERE name = 'removals' AND EXISTS (SELECT FROM former);""",
    ),
}

IS_COMPLETE = "SELECT {} AND (SELECT count(*) = {} FROM pg_trigger WHERE {} AND tgname IN ({}))".format(
    " AND ".join(f"to_regclass('{table}') IS NOT NULL" for table in TABLES),
    len(TRIGGERS),
    "tgrelid = to_regclass('cofactor_feedback')",
    ", ".join(f"'{name}'" for name in TRIGGERS),
)


def completing_statements() -> list[str]:
    """Statements that create what is missing beside `cofactor_feedback`, or do nothing."""
    return [
        "LOCK TABLE cofactor_feedback IN SHARE ROW EXCLUSIVE MODE",
        *(f"CREATE TABLE IF NOT EXISTS {name} {columns}" for name, columns in TABLES.items()),
        "INSERT INTO cofactor_settings VALUES "
        "('salt', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), NULL), "
        "('identity', substr(uuid_send(gen_random_uuid()), 9), NULL), ('removals', NULL, 0), ('pruned', NULL, 0) "
        "ON CONFLICT DO NOTHING",
        *(statement for name, parts in TRIGGERS.items() for statement in _trigger(name, *parts)),
        "TRUNCATE cofactor_user_counts",
        'INSERT INTO cofactor_user_counts SELECT "user", count(*) FROM cofactor_feedback GROUP BY "user"',
        "UPDATE cofactor_settings SET number = number + 1 WHERE name = 'removals'",  # nobody counted the changes
    ]


def _trigger(name: str, operation: str, tables: str, body: str) -> list[str]:
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
        f"$$ BEGIN {body} RETURN NULL; END $$",
        f"DROP TRIGGER IF EXISTS {name} ON cofactor_feedback",
        f"CREATE TRIGGER {name} AFTER {operation} ON cofactor_feedback REFERENCING {tables} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
    ]


UPSERT = (
    "INSERT INTO cofactor_feedback SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::float8[], %s::bigint[]) "
    'ON CONFLICT ("user", item) DO UPDATE SET rating = EXCLUDED.rating, time = EXCLUDED.time'
)
COUNT_KEPT = (
    "SELECT count(*) FROM unnest(%s::bytea[], %s::bytea[], %s::float8[], %s::bigint[]) "
    'AS given ("user", item, rating, time) JOIN cofactor_feedback AS kept USING ("user", item) '
    "WHERE kept.rating IS NOT DISTINCT FROM given.rating AND kept.time = given.time"
)
SELECT_USER = 'SELECT item, rating, time FROM cofactor_feedback WHERE "user" = %s ORDER BY time DESC, item'
SELECT_RATINGS = 'SELECT item, rating FROM cofactor_feedback WHERE "user" = %s'
SELECT_PAIRS = (
    'SELECT "user", item, rating, time FROM cofactor_feedback '
    'JOIN unnest(%s::bytea[], %s::bytea[]) AS given ("user", item) USING ("user", item)'
)
SELECT_COUNTS = 'SELECT "user", events FROM cofactor_user_counts WHERE "user" = ANY(%s)'
SELECT_ALL = 'SELECT "user", item, rating, time FROM cofactor_feedback ORDER BY "user", item'
SELECT_MARK = (
    "SELECT pg_current_snapshot()::text AS snapshot, coalesce((SELECT max(number) FROM cofactor_changes), 0) AS last, "
    "(SELECT number FROM cofactor_settings WHERE name = 'removals') AS removals, "
    "(SELECT number FROM cofactor_settings WHERE name = 'pruned') AS pruned"
)
SELECT_CHANGES = (  # one statement, so that the mark and the changes are of one snapshot
    f"SELECT mark.*, changes.* FROM ({SELECT_MARK}) AS mark LEFT JOIN "
    '(SELECT number, "user", item, existed, before, after FROM cofactor_changes '
    f"WHERE number > %(last)s - {IN_FLIGHT} AND NOT pg_visible_in_snapshot(xid, %(since)s::pg_snapshot) "
    f"ORDER BY number LIMIT {CHANGES_KEPT + 1}) AS changes ON true ORDER BY changes.number"
)
PRUNE = (
    "UPDATE cofactor_settings SET number = greatest(number, (SELECT max(number) FROM cofactor_changes) - "
    f"{CHANGES_KEPT}) WHERE name = 'pruned'",
    "DELETE FROM cofactor_changes WHERE number <= (SELECT number FROM cofactor_settings WHERE name = 'pruned')",
)
DELETE_USER = 'DELETE FROM cofactor_feedback WHERE "user" = ANY(%s)'
DELETE_CHANGES = 'DELETE FROM cofactor_changes WHERE "user" = ANY(%s)'
COUNT_USER = 'SELECT count(*) FROM cofactor_feedback WHERE "user" = ANY(%s)'
IS_NOTED = "SELECT count(*) > 0 FROM cofactor_forgotten WHERE digest = %s"
NOTE = (
    "DELETE FROM cofactor_forgotten WHERE digest = %(digest)s",
    "INSERT INTO cofactor_forgotten (digest, time) VALUES (%(digest)s, %(time)s)",
)
VACUUM = "VACUUM cofactor_feedback, cofactor_changes, cofactor_user_counts"
