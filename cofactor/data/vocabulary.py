"""Vocabularies: the mapping between the ids of users or items and their row numbers."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import JaroWinkler

from cofactor.arrays import Array, Rows, Strings
from cofactor.errors import BadData, UnknownId
from cofactor.ids import check_id, normalize_id

MAX_COMPARED = 10_000  # ids that an unknown id is compared with; takes a millisecond
MIN_SIMILARITY = 0.5  # of two ids, for one to be suggested in place of the other


class Vocabulary:
    """Ids by row and rows by id.

    Ids are unique, non-empty strings. Their order is the order of the rows: numeric where every id is a plain number,
    alphabetical otherwise (see `Vocabulary.of`), so that a tie broken by row is a tie broken by id.
    """

    def __init__(self, ids: Strings, noun: str = "id") -> None:
        """`ids`: (n,) str by row, unique. `noun`: what an id names, for messages: "user" or "item".

        Raises BadData when an id repeats or is empty.
        """
        self.ids = np.asarray(ids, dtype=object)
        self.ids.flags.writeable = False
        self.noun = noun
        if len(self._rows) != len(self.ids):
            raise BadData(f"the same {noun} id stands in two rows of a vocabulary", "every id may have one row only")
        if "" in self._rows:
            raise BadData(f"an empty {noun} id", "give every row an id")

    @classmethod
    def of(cls, ids: Iterable[str], noun: str = "id") -> "Vocabulary":
        """The distinct ids, in normal form and in their natural order; raises BadData for text that is no id."""
        given = {str(i) for i in ids}
        return cls(np.array(natural_order({check_id(i, noun.removeprefix("id")) for i in given}), dtype=object), noun)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return dict(zip(self.ids.tolist(), range(len(self.ids)), strict=True))

    @cached_property
    def _rows_by_normal_form(self) -> dict[str, int]:
        """The rows of ids that are not in normal form, as in models of earlier versions, by their normal form."""
        joined = "".join(self._rows)
        if joined.isascii() and joined.isprintable() and " " not in joined:
            return {}
        others = ((normalize_id(id_), row) for id_, row in self._rows.items())
        return {normal: row for normal, row in others if normal not in self._rows}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.find(id_) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self is other or np.array_equal(self.ids, other.ids))

    __hash__ = None  # type: ignore[assignment]  # compared by content, so not to be a key

    def __repr__(self) -> str:
        return f"<{len(self):,} {self.noun} ids>"

    def row(self, id_: str) -> int:
        """The row of one id; raises UnknownId with the nearest known ids as its hint."""
        found = self.find(str(id_))
        if found is None:
            raise self.unknown_id(str(id_))
        return found

    def find(self, id_: str) -> int | None:
        """The row of one id, or of its normal form; None for an unknown one."""
        row = self._rows.get(id_)
        if row is None:
            normal = normalize_id(id_)
            row = self._rows.get(normal)
            if row is None and self._rows_by_normal_form:
                row = self._rows_by_normal_form.get(normal)
        return row

    def rows(self, ids: Sequence[str] | Array) -> Rows:
        """(n,) int32 rows of (n,) ids, -1 where an id is unknown."""
        get = self._rows.get
        rows = np.fromiter((get(str(i), -1) for i in ids), dtype=np.int32, count=len(ids))
        for place in np.flatnonzero(rows < 0).tolist():
            row = self.find(str(ids[place]))
            rows[place] = -1 if row is None else row
        return rows

    def unknown_id(self, id_: str, near: Sequence[str] | None = None) -> UnknownId:
        """The UnknownId error for an id that is not in the vocabulary; `near`: the ids to suggest instead."""
        some = f", such as {', '.join(self.ids[:3])}" if near is None and len(self) > 3 else ""
        near = self.similar_ids(id_) if near is None else near
        shown = id_ if len(id_) <= 60 else id_[:57] + "..."
        hint = f"did you mean {', '.join(near)}?" if near else f"the model knows {len(self):,} {self.noun}s{some}"
        return UnknownId(f"unknown {self.noun} {shown!r}", hint)

    def similar_ids(self, id_: str, n: int = 3) -> list[str]:
        """Up to n known ids most similar to `id_` by Jaro-Winkler similarity, which favours a common beginning.

        In a large vocabulary only the MAX_COMPARED alphabetical neighbours are compared.
        """
        wanted, likely = id_[:100], self._alphabetical
        if len(likely) > MAX_COMPARED:
            at = bisect_left(likely, wanted)
            likely = likely[max(0, at - MAX_COMPARED // 2) : at + MAX_COMPARED // 2]
        return [
            one
            for one, *_ in process.extract(
                wanted, likely, scorer=JaroWinkler.similarity, score_cutoff=MIN_SIMILARITY, limit=n
            )
        ]

    @cached_property
    def _alphabetical(self) -> list[str]:
        return sorted(self.ids)


def natural_order(ids: Iterable[str]) -> list[str]:
    """Ids sorted by number where all are plain numbers ("2" before "10"), by code point otherwise."""
    listed = list(ids)
    if all(_is_plain_number(i) for i in listed):
        return sorted(listed, key=int)
    return sorted(listed)


def _is_plain_number(id_: str) -> bool:
    return id_.isascii() and id_.isdigit() and len(id_) <= 18 and (id_ == "0" or id_[0] != "0")
