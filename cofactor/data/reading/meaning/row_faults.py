"""SQL that finds the faults of rows: of their ids, values and times."""

from cofactor.data.duckdb_connection import quoted
from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.meaning.column_rules import ColumnRules

# A row has the first fault whose condition holds. `{role}` in a reason is the text of the cell, shortened and quoted.
FAULTS = (
    ("fault IS NOT NULL", "", "fault"),
    ("{is_header}", "", "'the header again'"),
    ("{user_float} IS NOT NULL", "user", "'user id ' || {user} || ' ' || {user_float}"),
    ("{item_float} IS NOT NULL", "item", "'item id ' || {item} || ' ' || {item_float}"),
    ("user_fault = ''", "user", "'no user id'"),
    ("item_fault = ''", "item", "'no item id'"),
    ("user_fault IS NOT NULL", "user", "'user id ' || {user} || ' ' || user_fault"),
    ("item_fault IS NOT NULL", "item", "'item id ' || {item} || ' ' || item_fault"),
    ("coalesce(trim(rating), '') = ''", "rating", "'no rating'"),
    ("number IS NULL", "rating", "'rating ' || {rating} || ' is not a number'"),
    ("NOT coalesce(isfinite(TRY_CAST(number AS FLOAT)), false)", "rating",
     "'rating ' || {rating} || ' is not a finite number'"),
)  # fmt: skip
COUNT_FAULTS = (("number < 0", "rating", "'count ' || {rating} || ' is negative'"),)
SCALE_FAULTS = (
    ("TRY_CAST(number AS FLOAT) < {low}::FLOAT OR TRY_CAST(number AS FLOAT) > {high}::FLOAT", "rating",
     "'rating ' || {rating} || ' is outside the scale {low} to {high}'"),
)  # fmt: skip
TIME_FAULTS = (
    ("coalesce(trim(\"time\"), '') = ''", "time", "'no time'"),
    ("microseconds IS NULL AND NOT {is_time}", "time", "'time ' || {time} || ' is neither a number nor a date'"),
    ("microseconds IS NULL", "time", "'time ' || {time} || ' is not in ' || {time_form} || ', as others are'"),
)
IS_TIME = (
    '(TRY_CAST(TRY_CAST("time" AS DOUBLE) AS BIGINT) IS NOT NULL '
    r"""OR regexp_matches("time", '^\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}'))"""
)


def checked_rows_sql(records: str, rules: ColumnRules) -> str:
    """SQL for records (see `records.py`) with the column and the reason of their first fault, and with their values."""
    text = rules.of_text()
    faults = FAULTS + (COUNT_FAULTS if rules.kind == "counts" else ()) + (SCALE_FAULTS if rules.scale else ())
    faults += TIME_FAULTS if "time" in rules.types else ()
    shown = {role: f"'''' || left(\"{role}\", 40) || ''''" for role in ROLES}
    ids = {role: text.id_text(role) for role in ("user", "item")}
    computed = {f"{role}_float": text.float_fault(role) for role in ids} | {"is_time": IS_TIME}
    computed["low"], computed["high"] = (f"{end:.9g}" for end in rules.scale or (0.0, 0.0))
    computed["is_header"] = f"({rules.is_header})"
    computed["time_form"] = quoted(rules.time.name if rules.time else "")
    conditions = [condition.format(**computed) for condition, _, _ in faults]
    place = " ".join(f"WHEN {held} THEN '{role}'" for held, (_, role, _) in zip(conditions, faults, strict=True))
    reason = " ".join(
        f"WHEN {held} THEN {why.format(**shown, **computed)}"
        for held, (_, _, why) in zip(conditions, faults, strict=True)
    )
    found = ", ".join(f"{rules.id_fault(f'{role}_id')} AS {role}_fault" for role in ids)
    left_out = f" WHERE fault IS NOT NULL OR NOT {text.is_missing}" if text.is_missing else ""
    return (
        f"SELECT line, span, raw, CASE {place} END AS place, CASE {reason} END AS reason, user_id, item_id, "
        f'TRY_CAST(number AS FLOAT) AS rating, microseconds AS "time" FROM '
        f"(SELECT *, {found}, {text.number} AS number, {text.microseconds} AS microseconds FROM "
        f"(SELECT *, {ids['user']} AS user_id, {ids['item']} AS item_id FROM ({records}){left_out}))"
    )
