"""The ids that callers give: text, whole numbers, columns of data frames."""

from collections.abc import Iterable
from typing import Any, TypeAlias, cast

import numpy as np

from cofactor.arrays import Rows
from cofactor.data.ratings import TrainingData
from cofactor.data.vocabulary import Vocabulary
from cofactor.errors import BadData, UnknownId

Id: TypeAlias = str | int  # of a user or an item, as it is written in the data; np.integer counts as int

MIN_TITLE = 3  # letters of a text that is looked for in titles
HINT = "an id is text or a whole number, as in the data; predict_rows takes row numbers"


def is_id(value: object) -> bool:
    """Whether a value is one id rather than several."""
    return isinstance(value, str | int | float | np.integer | np.floating)


def id_text(value: object, noun: str = "id") -> str:
    """One id as text; a whole float, as in a column with a missing value, is the id of that number.

    Raises BadData for anything else, which names the value.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(float(value)) < 1 << 53:
        return str(int(value))
    raise BadData(f"the {noun} id {str(value)[:60]!r} is {_kind(value)}", HINT)


def id_texts(ids: object, noun: str = "id") -> list[str]:
    """Ids as text; raises BadData for a single id and for a value that is none."""
    if is_id(ids):
        raise BadData(f"the {noun} ids are a single id, {ids!r}", f"give a list of ids: [{ids!r}]")
    try:
        column: Any = ids.to_numpy().tolist() if hasattr(ids, "to_numpy") else ids
        listed = list(cast(Iterable[object], column))  # a pandas Series would look up its labels
    except TypeError:
        raise BadData(f"{noun} ids are of type {type(ids).__name__}", "give a list or a column of ids") from None
    return [one if type(one) is str else id_text(one, noun) for one in listed]


def find_rows(vocabulary: Vocabulary, ids: object) -> Rows:
    """(n,) rows of ids, -1 for one that is not in the vocabulary."""
    array = ids.to_numpy() if hasattr(ids, "to_numpy") else ids
    if isinstance(array, np.ndarray) and array.dtype.kind in "iu" and array.ndim == 1:  # each number becomes text once
        distinct, where = np.unique(array, return_inverse=True)
        return vocabulary.rows(list(map(str, distinct.tolist())))[where]
    return vocabulary.rows(id_texts(ids, vocabulary.noun))


def known_row(vocabulary: Vocabulary, value: object) -> int:
    """The row of one id; raises UnknownId."""
    return vocabulary.row(id_text(value, vocabulary.noun))


def known_item(training_data: TrainingData, value: object) -> int:
    """The row of one item; raises UnknownId, whose hint has the ids of items where the value is (part of) a title."""
    try:
        return known_row(training_data.items, value)
    except UnknownId as error:
        found = _titled(training_data, str(value))
        if not found:
            raise
        raise UnknownId(error.message, f"give the id, not the title: {'; '.join(found)}") from None


def _titled(training_data: TrainingData, text: str) -> list[str]:
    """Up to three items, as id and title, whose titles contain a text of at least three letters."""
    wanted, titles = text.casefold().strip(), training_data.titles
    if titles is None or len(wanted) < MIN_TITLE:
        return []
    rows = [row for row, title in enumerate(titles) if title and wanted in str(title).casefold()]
    rows.sort(key=lambda row: len(str(titles[row])))  # the title that is all of it comes first
    return [f"{training_data.items.ids[row]} is {training_data.title(row)!r}" for row in rows[:3]]


def known_rows(vocabulary: Vocabulary, ids: object) -> Rows:
    """(n,) rows of ids; raises UnknownId for one that is not in the vocabulary."""
    texts = id_texts(ids, vocabulary.noun)
    rows = vocabulary.rows(texts)
    for unknown in np.flatnonzero(rows < 0)[:1].tolist():
        raise vocabulary.unknown_id(texts[unknown])
    return rows


def _kind(value: object) -> str:
    if value is None or value != value:
        return "missing"
    return "no whole number" if isinstance(value, float | np.floating) else f"of type {type(value).__name__}"
