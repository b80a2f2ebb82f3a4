"""How the values of a column of text are read: as numbers, with a decimal comma, or true and false as 1 and 0."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cofactor.errors import BadData

COMMA = re.compile(r"[+-]?\d+,\d+")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
BOOLEAN = re.compile("true|false", re.IGNORECASE)


@dataclass(frozen=True)
class ValueRule:
    """SQL for the number that a text `{t}` stands for, NULL where it is none, and a note for the report."""

    sql: str
    note: str = ""

    def number(self, cell: str) -> str:
        """SQL for the value of a cell of text as a DOUBLE, NULL where it is no number."""
        return self.sql.format(t=cell)


NUMBERS = ValueRule("CASE WHEN NOT contains({t}, '_') THEN TRY_CAST({t} AS DOUBLE) END")  # SQL takes 1_0 for 10
DECIMAL_COMMA = ValueRule(
    "CASE WHEN NOT contains({t}, '.') AND NOT contains({t}, '_') THEN TRY_CAST(replace({t}, ',', '.') AS DOUBLE) END",
    "decimal commas",
)
TRUE_FALSE = ValueRule(
    "CASE lower(trim({t})) WHEN 'true' THEN 1::DOUBLE WHEN 'false' THEN 0::DOUBLE END", "true is 1, false is 0"
)


def _refuse_points_of_thousands(texts: Sequence[str]) -> None:
    """Raises BadData where numbers without a point are next to some that all have three digits after it (12 and 1.234).

    A program that writes numbers with three decimals writes them all so.
    """
    with_point = [text for text in texts if "." in text]
    if with_point and len(with_point) < len(texts) and all(POINTS.fullmatch(text) for text in with_point):
        shown = with_point[0][:20]
        raise BadData(
            f"the point in {shown!r} may be a decimal one or separate thousands",
            f"write {shown.replace('.', '')} or {shown}0 into the file",
        )


def find_value_rule(texts: Sequence[str], *, commas: bool) -> ValueRule:
    """The rule for some texts of a column. `commas`: whether a comma does not end a cell, so that a few suffice.

    Raises BadData where all commas are followed by three digits: they may also separate thousands.
    """
    given = [text.strip() for text in texts if text.strip()]
    if sum(BOOLEAN.fullmatch(text) is not None for text in given) * 2 > len(given):
        return TRUE_FALSE
    if commas:
        _refuse_points_of_thousands(given)
    with_comma = [text for text in given if COMMA.fullmatch(text) or THOUSANDS.fullmatch(text)]
    few = not commas and len(with_comma) * 2 <= len(given)
    if few or not with_comma or any("." in text for text in given):
        return NUMBERS
    if all(THOUSANDS.fullmatch(text) for text in with_comma):
        shown = with_comma[0][:20]
        raise BadData(
            f"the comma in {shown!r} may be a decimal one or separate thousands",
            f"write {shown.replace(',', '.')} or {shown.replace(',', '')} into the file",
        )
    return DECIMAL_COMMA
