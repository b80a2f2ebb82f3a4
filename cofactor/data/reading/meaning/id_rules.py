"""How ids are read: as text in normal form, and whole floats as the integers they stand for.

A column of which every id is a whole float, as pandas writes integers next to missing values, is read without the
`.0`, in a text file as in a table with types. Other ids are the text that they are. A float above 2^53 (2^24 where it
has 32 bits) stands for several integers, so it is no id. NULL, NaN, None and the like are no ids either.
"""

from cofactor.data.duckdb_connection import quoted
from cofactor.ids import BLANKS, HIDDEN, JOINING, MAX_LENGTH

WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
REAL = ("FLOAT", "DOUBLE")
TEXT = "VARCHAR"
NO_IDS = (
    *("NULL", "null", "Null", r"\N", "nan", "NaN", "NAN", "None", "NA", "N/A", "n/a", "<NA>", "NaT", "#N/A"),
    *("(null)", "undefined"),
)
ASCII_BLANKS = "".join(filter(str.isascii, BLANKS))
WHOLE_FLOAT = r"-?(0|[1-9]\d*)\.0|[1-9](\.\d+)?[eE]\+?\d+"  # as Python and DuckDB write them
LARGEST = {"FLOAT": 1 << 24, "DOUBLE": 1 << 53}  # from which on floats stand for several integers
TOO_LARGE = "is a float too large to be exact"
ROUNDED = r"[+-]?[1-9](\.\d{1,5})?E\+(1[1-9]|[2-9]\d|\d{3})"  # as Excel writes a number of twelve digits and more
IS_ROUNDED = "is a number that a spreadsheet has rounded"


def is_real(kind: str) -> bool:
    """Whether an SQL type is one of floats or decimals."""
    return kind in REAL or kind.startswith("DECIMAL")


def id_text_sql(cell: str, kind: str, *, whole: bool) -> str:
    """SQL for an id as text in normal form. whole: whether every id of the column is a whole float."""
    if is_real(kind) and whole:
        return f"CASE WHEN isfinite({cell}::DOUBLE) THEN CAST(CAST({cell} AS HUGEINT) AS VARCHAR) END"
    text = f"CAST({cell} AS VARCHAR)"
    if whole:
        number = f"TRY_CAST({text} AS DOUBLE)"  # of 1.0e+05; words for missing ids are no numbers
        exponent = f"contains(lower({text}), 'e')"
        written = (
            f"CASE WHEN {exponent} AND {number} = trunc({number}) THEN CAST(CAST({number} AS HUGEINT) AS VARCHAR) END"
        )
        text = f"CASE WHEN ends_with({text}, '.0') THEN {text}[:-3] ELSE {written} END"
    return normalized_id_sql(text)


def id_number_sql(cell: str, kind: str, *, whole: bool) -> str:
    """SQL for an id as an INTEGER, -1 where its text is not just that number ("007", 1.5); fails on other text."""
    if kind in WHOLE:
        return f"CASE WHEN {cell} BETWEEN 0 AND 2147483647 THEN CAST({cell} AS INTEGER) ELSE -1 END"
    number = f"CAST({cell} AS INTEGER)"
    if is_real(kind):
        return f"CASE WHEN {number} = {cell} THEN {number} ELSE -1 END"
    text = f"({number} || '.0')" if whole else f"CAST({number} AS VARCHAR)"
    return f"CASE WHEN {text} = {cell} THEN {number} ELSE -1 END"


def other_than_whole_sql(cell: str) -> str:
    """SQL for whether a text is an id and no whole float."""
    words = ", ".join(map(quoted, ("", *NO_IDS)))
    return f"trim({cell}) NOT IN ({words}) AND NOT regexp_full_match(trim({cell}), {quoted(WHOLE_FLOAT)})"


def float_fault_sql(cell: str, kind: str, *, whole: bool) -> str:
    """SQL for the fault of an id that is a float, or NULL. cell: what the source has, not the id made from it."""
    if is_real(kind):
        limit = LARGEST.get(kind, 1 << 53)
        return f"CASE WHEN isfinite({cell}::DOUBLE) AND abs({cell}) >= {limit} THEN '{TOO_LARGE}' END"
    if kind != TEXT:
        return "NULL::VARCHAR"
    rounded = f"WHEN contains({cell}, 'E+') AND regexp_full_match(trim({cell}), {quoted(ROUNDED)}) THEN '{IS_ROUNDED}'"
    if not whole:
        return f"CASE {rounded} END"
    return f"CASE {rounded} WHEN abs(TRY_CAST({cell} AS DOUBLE)) >= {1 << 53} THEN '{TOO_LARGE}' END"


def normalized_id_sql(text: str) -> str:
    """SQL for `ids.normalize_id` of a text."""
    trimmed = f"trim({text}, {quoted(BLANKS)})"
    # nfc_normalize ends at a NUL, which is a fault anyway
    other = f"WHEN contains({trimmed}, chr(0)) THEN {trimmed} ELSE nfc_normalize({trimmed}) END"
    # most ids are ASCII; for these the many blanks of Unicode would take most of the time of reading
    return f"CASE WHEN strlen({text}) = length({text}) THEN trim({text}, {quoted(ASCII_BLANKS)}) {other}"


def read_fault_sql(text: str) -> str:
    """SQL for the fault of an id that is read; see `id_fault_sql`. Words for a missing value are no ids."""
    words = ", ".join(map(quoted, NO_IDS))
    is_word = f"strlen({text}) <= {max(map(len, NO_IDS))} AND {text} IN ({words})"
    return f"CASE WHEN {is_word} THEN 'stands for a missing id' ELSE {id_fault_sql(text)} END"


def id_fault_sql(text: str) -> str:
    """SQL for `ids.find_id_fault` of a text in normal form: the fault, or NULL; '' for an empty id."""
    ascii_only = f"strlen({text}) = length({text})"  # for which two expressions are not needed
    return (
        f"CASE WHEN coalesce({text}, '') = '' THEN '' "
        f"WHEN length({text}) > {MAX_LENGTH} THEN 'is longer than {MAX_LENGTH} characters' "
        f"WHEN {text} IN ('.', '..') THEN 'is not accepted as an id' "
        f"WHEN {ascii_only} AND NOT regexp_matches({text}, '[\\x00-\\x1f\\x7f]') THEN NULL "
        f"WHEN regexp_full_match({text}, {quoted(f'[{JOINING}]*')}) THEN 'has no visible character' "
        f"WHEN regexp_matches({text}, {quoted(f'[{HIDDEN}]')}) "
        "THEN 'has a control character or an invisible character in it' END"
    )
