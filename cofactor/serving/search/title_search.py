"""Search for items by words or parts of their titles."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from cofactor.arrays import Mask, Rows
from cofactor.serving.search.text_folding import code_points, fold, fold_lines


def split_query(query: str) -> list[str]:
    """The distinct words that a title has to hold, without case and accents."""
    return list(dict.fromkeys(fold(query).split()))


class TitleSearch:
    """The titles of a catalogue as one searchable text, most rated items first.

    Letters are compared without case and accents ("amelie" finds "Amélie"). The text is scanned only until enough
    titles are found, so a short query costs less than a long one.
    """

    def __init__(self, titles: Sequence[str], order: Rows) -> None:
        """`titles`: by item row; `order`: (n_items,) item rows, the most rated first."""
        self._rows = order  # (n_items,) most rated first
        self._text = f"\n{fold_lines([titles[row] for row in order.tolist()])}\n" if len(titles) else "\n"
        breaks = np.flatnonzero(code_points(self._text) == ord("\n"))
        self._starts = breaks.tolist()  # the position of the line break before each title, and of the last one

    @property
    def lines(self) -> str:
        """The folded titles as lines, the most rated items first."""
        return self._text[1:-1]

    def search(self, query: str, n: int, hidden: Mask | None = None) -> list[int]:
        """Up to n item rows whose titles hold every word of the query; the most rated ones for an empty query; none of
        the (n_items,) mask `hidden`.

        Titles that begin with the query come first, then those with a word that does, then the rest; within each,
        the most rated first.
        """
        words = split_query(query)
        if not words:
            return [int(row) for row in (self._rows if hidden is None else self._rows[~hidden[self._rows]])[:n]]
        phrase = fold(query)
        found: dict[int, None] = {}  # places in order of discovery
        rarest = min(words, key=self._text.count)
        for pattern in ("\n" + phrase, " " + phrase, rarest) if rarest in self._text else ():
            for place in self._places(pattern):
                if len(found) == n:
                    break
                title = self._text[self._starts[place] : self._starts[place + 1]]
                if hidden is not None and hidden[self._rows[place]]:
                    continue
                if place not in found and all(word in title for word in words):
                    found[place] = None
        return [int(self._rows[place]) for place in found]

    def _places(self, pattern: str) -> Iterator[int]:
        """The lines that hold a pattern, from the top."""
        at = self._text.find(pattern)
        while at >= 0:
            place = bisect_right(self._starts, at) - 1
            yield place
            at = self._text.find(pattern, self._starts[place + 1])
