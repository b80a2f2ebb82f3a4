"""An inverted index from words to rows, with search by prefix and with typing errors."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import OSA

from cofactor.arrays import Array, Rows

LAST = "\U0010ffff"  # sorts behind every letter
FEW_LETTERS, SOME_LETTERS = 2, 5  # longest words without errors, and with one error at most


class InvertedIndex:
    """The distinct words of (n,) texts in alphabetical order, and the rows of each.

    Words with the same prefix are adjacent, and so are their rows: the rows of a prefix are one slice.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        rows_of: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            for word in dict.fromkeys(text):
                rows_of.setdefault(word, []).append(row)
        self._words = sorted(rows_of)
        self._place = {word: place for place, word in enumerate(self._words)}
        counts = [len(rows_of[word]) for word in self._words]
        self._starts = [0, *np.cumsum(counts, dtype=np.int64).tolist()]
        self._rows = np.array([row for word in self._words for row in rows_of[word]], dtype=np.int32)
        self._lengths = np.array([len(word) for word in self._words], dtype=np.int32)
        self._letters = np.array([_letters(word) for word in self._words], dtype=np.uint64)

    def __contains__(self, word: object) -> bool:
        return word in self._place

    def count(self, word: str) -> int:
        """The number of rows with a word."""
        return len(self.rows(word))

    def rows(self, word: str) -> Rows:
        place = self._place.get(word)
        return self._rows[:0] if place is None else self._rows[self._starts[place] : self._starts[place + 1]]

    def rows_with_prefix(self, word: str) -> Rows:
        """The rows with a word that has this prefix; a row may occur more than once."""
        first, last = bisect_left(self._words, word), bisect_left(self._words, word + LAST)
        return self._rows[self._starts[first] : self._starts[last]]

    def is_prefix(self, word: str) -> bool:
        return len(self.rows_with_prefix(word)) > 0

    def similar_words(self, word: str) -> list[tuple[str, int]]:
        """Words similar to a misspelt one, and their edit distance: letters omitted, inserted, replaced or swapped with
        their neighbour. Numbers are never corrected."""
        most = 0 if len(word) <= FEW_LETTERS or word.isdigit() else 1 if len(word) <= SOME_LETTERS else 2
        if most == 0:
            return []
        found = []
        for place in self._candidate_places(word, most).tolist():
            known = self._words[place]
            errors = OSA.distance(word, known, score_cutoff=most)
            if 0 < errors <= most and not known.isdigit():
                found.append((known, int(errors)))
        return found

    def _candidate_places(self, word: str, most: int) -> Array:
        """(k,) places of words of nearly the same length and letters: an error changes at most two letters of a set."""
        other = np.bitwise_count(self._letters ^ np.uint64(_letters(word)))
        return np.flatnonzero((np.abs(self._lengths - len(word)) <= most) & (other <= 2 * most))


def _letters(word: str) -> int:
    """The set of a word's letters, modulo 64, as bits."""
    bits = 0
    for letter in word:
        bits |= 1 << (ord(letter) % 64)
    return bits
