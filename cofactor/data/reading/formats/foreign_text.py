"""Names formats of text that are no table of ratings, so that an error can say what a file is."""

import re
from collections.abc import Mapping, Sequence

from cofactor.data.reading.columns import ROLES
from cofactor.data.reading.formats.text_head import TextHead
from cofactor.errors import BadData

LIBSVM = re.compile(r"\s*\S+(\s+\d+:[-+.\deE]+)+\s*(#.*)?")
IMPRESSIONS = re.compile(r"\S+-[01]( \S+-[01])*")
LIST = re.compile(r"\s*\S+([ \t]+\S+)*\s*")
WIDE_WIDTH = 5  # cells of a row of a wide table, at least
MAX_CELLS = 100_000  # of a line of a table that is not wide
LONG_LINE = 1000  # delimiters of a line that is surely one of a wide table
SMALL_NUMBER = re.compile(r"([-+]?\d{0,3}([.,]\d+)?|nan|na|null)", re.IGNORECASE)
KEY_VALUE = re.compile(r"([A-Za-z][\w/.-]*):( |$)")
RULED = re.compile(r"\s*-+(\+-+)+\s*")
BY_FIRST_LINES = (
    (re.compile(r"(insert\s+into|create\s+(table|database)|drop\s+table)\b.*|(set\s+\S+\s*=|pragma\s|begin\b|use\s).*;",
                re.IGNORECASE), "an SQL script",
     "run it in a database, and write the table as CSV"),
    (re.compile(r"@relation\b.*", re.IGNORECASE), "an ARFF file", "write the lines below @data under a header"),
    (re.compile(r"\+-+(\+-+)*\+"), "a table drawn with lines, as MySQL prints it",
     "let the program write TSV: mysql --batch"),
    (re.compile(r"\(.*,.*\),?"), "lines of tuples", "write them without brackets"),
    (re.compile(r"- \w+:( .*)?"), "YAML", "write it as CSV or JSON"),
)  # fmt: skip
SQL_COMMENTS = ("--", "/*", "*/")
DICTIONARY = re.compile(r"\s*\{\s*u?'")


def refuse_foreign_text(head: TextHead, columns: Mapping[str, str] | None = None) -> None:
    """Raises BadData, naming the format, for lines without a header that are in a format that is not a table."""
    texts = head.texts
    if all(LIBSVM.fullmatch(line) for line in texts):
        raise BadData(
            "libsvm (or libFM) format, `target index:value …`, which does not say which user and item a row has",
            "write the data it was made from as lines of user, item, rating",
        )
    if all(IMPRESSIONS.fullmatch(line.rpartition("\t")[2]) and line.count("\t") >= 3 for line in texts):
        raise BadData(
            "impressions (`item-1 item-0 …` in a row), as in MIND's behaviors.tsv: not a table of user, item, rating",
            "write a line of user, item and time for each item that was clicked",
        )
    if _are_lists(texts):
        raise BadData(
            "lines of several lengths, separated by spaces: lists `user item item …`?",
            "read lists with --layout lists (layout='lists' in Python)",
        )
    if columns is None or not any(columns.values()):
        _refuse_wide(head)


def refuse_foreign_lines(texts: Sequence[str]) -> None:
    """Raises BadData, naming the format, for first lines that are in none with columns but may look like a header."""
    first = next((line for line in texts if not line.lstrip().startswith(SQL_COMMENTS)), texts[0])
    for pattern, name, hint in BY_FIRST_LINES:
        if pattern.fullmatch(first.strip()):
            raise BadData(f"{name}, not a table of ratings", hint)
    if len(texts) > 1 and RULED.fullmatch(texts[1]):
        raise BadData("a table drawn with lines, as psql prints it", "let the program write CSV: psql --csv")
    keys = [match[1] for match in map(KEY_VALUE.match, texts) if match]
    if len(keys) == len(texts) > len(set(keys)) and keys.count(keys[0]) > 1:
        raise BadData(
            f"blocks of lines `{keys[0][:40]}: …`, as SNAP writes reviews, not a table of ratings",
            "write a line of user, item, rating and time for each block",
        )
    if all(DICTIONARY.match(line) for line in texts[:5]):
        raise BadData(
            "lines of Python dictionaries (`{'user': …}` with single quotes), not JSON",
            "write each as JSON: json.dumps(ast.literal_eval(line))",
        )


def refuse_endless_lines(texts: Sequence[str]) -> None:
    """Raises BadData for a line of so many cells that it takes long to look at: one of a wide table, or no line."""
    for line in texts:
        cells = max(map(line.count, ",;\t|")) if len(line) > MAX_CELLS else 0
        cells = cells or (line.count(" ") if len(line) > MAX_CELLS and '"' not in line else 0)
        if cells > MAX_CELLS:
            raise BadData(
                f"a line of {cells + 1:,} cells: a wide table, or a file without line ends?",
                "read a wide table with --layout wide (layout='wide'); otherwise write a row of user, item and rating "
                "on each line",
            )


def _are_lists(texts: Sequence[str]) -> bool:
    """Whether lines are cells separated by spaces or tabs, of several lengths, with a user of its own for each."""
    if len(texts) < 2 or any("," in line or ";" in line or "|" in line or '"' in line for line in texts):
        return False
    if len({line.count("\t") for line in texts}) == 1 and "\t" in texts[0] and any(" " in line for line in texts):
        return False  # a table whose cells have spaces in them
    rows = [line.split() for line in texts]
    widths, users = {len(row) for row in rows}, {row[0] for row in rows}
    return len(widths) > 1 and max(widths) > len(ROLES) and len(users) == len(rows)


def _refuse_wide(head: TextHead) -> None:
    """Raises BadData for a wide table: as many cells in each line, which are short numbers or empty after the first."""
    texts = head.texts
    for delimiter in (",", ";", "\t", "|", " "):
        rows = [line.split() if delimiter == " " else line.split(delimiter) for line in texts]
        width = len(rows[-1])
        longest = max(line.count(delimiter) for line in texts)
        if longest >= LONG_LINE or (width >= WIDE_WIDTH and _is_wide(rows, width)):
            shown = f"{longest + 1 if longest >= LONG_LINE else width:,} columns"
            named = any(cell.strip("\"' ") and not SMALL_NUMBER.fullmatch(cell.strip("\"' ")) for cell in rows[0])
            names = ", ".join(cell.strip("\"' ")[:24] for cell in rows[0][:6])
            what = f"columns {names}, …: a wide table" if named else "a wide table"
            raise BadData(
                f"{what} ({shown})? In one, each row is a user and each column an item",
                "read a wide table with --layout wide (layout='wide'), and with --missing 99 if 99 means no rating; "
                "otherwise name the columns: --columns user=NAME,item=NAME,rating=NAME",
            )


def _is_wide(rows: Sequence[Sequence[str]], width: int) -> bool:
    body = rows[1:] if len(rows) > 1 else rows
    if any(len(row) != width for row in body) or abs(len(rows[0]) - width) > 1:
        return False
    cells = [cell.strip().strip("\"'") for row in body for cell in row[1:]]
    return all(SMALL_NUMBER.fullmatch(cell) for cell in cells)
