"""An inverted index from words to rows, with search by prefix and with typing errors."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property

import numpy as np
from rapidfuzz.distance import OSA
from scipy.sparse import csr_array

from cofactor.arrays import Array, Rows
from cofactor.serving.search.postings import Postings

LAST = "\U0010ffff"  # sorts behind every letter
FEW_LETTERS, SOME_LETTERS = 2, 5  # longest words without errors, and with one error at most


class InvertedIndex:
    """The distinct words of (n,) texts in alphabetical order, and the rows of each.

    Words with the same prefix are adjacent, and so are their rows: the rows of a prefix are one slice.
    """

    def __init__(self, postings: Postings) -> None:
        used = np.flatnonzero(np.bincount(postings.word, minlength=len(postings.words)))
        order = sorted(used.tolist(), key=postings.words.__getitem__)
        place = np.empty(len(postings.words), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        starts, self._rows = _distinct_rows(place[postings.word], postings.row, len(order))
        self._words = [postings.words[number] for number in order]
        self._place = {word: place for place, word in enumerate(self._words)}
        self._starts = starts.tolist()

    def __contains__(self, word: object) -> bool:
        return word in self._place

    def count(self, word: str) -> int:
        """The number of rows with a word."""
        return len(self.rows(word))

    def counts(self, n: int, without: Iterable[str]) -> Rows:
        """(n,) number of distinct words of each row, except some words."""
        counts = np.bincount(self._rows, minlength=n)
        for word in without:
            counts[self.rows(word)] -= 1
        return counts.astype(np.int32)

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
        (letters,) = _letter_sets([word])
        other = np.bitwise_count(self._letters ^ letters)
        return np.flatnonzero((np.abs(self._lengths - len(word)) <= most) & (other <= 2 * most))

    @cached_property
    def _lengths(self) -> Array:
        return np.fromiter(map(len, self._words), dtype=np.int32, count=len(self._words))

    @cached_property
    def _letters(self) -> Array:
        return _letter_sets(self._words)


def _distinct_rows(word: Rows, row: Rows, n_words: int) -> tuple[Array, Rows]:
    """(n_words + 1,) starts and the ascending, distinct rows of each word."""
    shape = n_words, int(row.max(initial=-1)) + 1
    table = csr_array((np.ones(len(row), dtype=bool), (word, row)), shape=shape)
    table.sum_duplicates()
    return table.indptr, table.indices.astype(np.int32, copy=False)


def _letter_sets(words: list[str]) -> Array:
    """(n,) the set of each word's letters, modulo 64, as bits."""
    if not words:
        return np.empty(0, dtype=np.uint64)
    codes = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    bits = np.uint64(1) << (codes % 64).astype(np.uint64)
    lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    return np.bitwise_or.reduceat(bits, np.cumsum(lengths) - lengths)
