"""The words of many texts, and in which texts they occur."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from cofactor.arrays import Array, Mask, Rows
from cofactor.row_blocks import batch_slices
from cofactor.serving.search.text_folding import code_points, fold, fold_lines

ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}  # I, V and X are letters too
APOSTROPHES = "'’ʼ`"
WORD = re.compile(r"\w+")
SPARE_BITS = 4  # of a table of hashes: one place of sixteen is used
BLOCK = 1 << 14  # words whose characters are processed at a time: they fit into the cache

_NO_APOSTROPHES = str.maketrans("", "", APOSTROPHES)


def words_of(text: str) -> list[str]:
    """The normalized words of a text: without case, accents and apostrophes, and with Roman numerals as digits."""
    return [ROMAN.get(word, word) for word in WORD.findall(fold(text).translate(_NO_APOSTROPHES))]


@dataclass(frozen=True)
class Postings:
    """(n,) occurrences of words in texts: the number of the word, and the row of the text."""

    words: list[str]  # distinct words, by number
    word: Rows  # (n,)
    row: Rows  # (n,)

    @classmethod
    def from_texts(cls, texts: Sequence[str]) -> "Postings":
        """The occurrences of `words_of` each text, in order."""
        return cls.from_lines(fold_lines(texts))

    @classmethod
    def from_lines(cls, text: str) -> "Postings":
        """The same for the lines of a text that is folded already."""
        for apostrophe in APOSTROPHES:
            text = text.replace(apostrophe, "")
        starts, ends, row = _find_words(text)
        first, word = _number_words(text, starts, ends)
        found = [text[start:end] for start, end in zip(starts[first].tolist(), ends[first].tolist(), strict=True)]
        normal = [ROMAN.get(one, one) for one in found]
        numbers = {one: number for number, one in enumerate(dict.fromkeys(normal))}
        return cls(list(numbers), np.array([numbers[one] for one in normal], dtype=np.int32)[word], row)

    @classmethod
    def from_words(cls, texts: Sequence[Sequence[str]]) -> "Postings":
        """The occurrences of the words of texts that are split into words."""
        words = list(chain.from_iterable(texts))
        numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
        word = np.fromiter(map(numbers.__getitem__, words), dtype=np.int32, count=len(words))
        row = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in texts])
        return cls(list(numbers), word, row)

    def where(self, mask: Mask | Array) -> "Postings":
        return Postings(self.words, self.word[mask], self.row[mask])

    def expand(self, text_of_row: Array) -> "Postings":
        """The occurrences in (m,) rows, each of which has one of these texts, given by its number."""
        small = np.uint16 if len(text_of_row) and int(text_of_row.max()) < 1 << 16 else np.int64  # is sorted by radix
        order = np.argsort(text_of_row.astype(small), kind="stable").astype(np.int32)
        starts = np.searchsorted(text_of_row[order], np.arange(int(self.row.max(initial=-1)) + 2))
        lengths = np.diff(starts)[self.row]
        place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        row = order[np.repeat(starts[self.row], lengths) + place]
        return Postings(self.words, np.repeat(self.word, lengths), row)

    def merge(self, other: "Postings") -> "Postings":
        """The occurrences of both; the rows are no longer ascending."""
        numbers = {word: number for number, word in enumerate(dict.fromkeys([*self.words, *other.words]))}
        renumbered = np.array([numbers[word] for word in other.words], dtype=np.int32)[other.word]
        word = np.concatenate((self.word, renumbered))
        return Postings(list(numbers), word, np.concatenate((self.row, other.row)))

    def numbers(self, words: Sequence[str]) -> Rows:
        """(k,) numbers of k words, -1 for a word without occurrences."""
        known = {word: number for number, word in enumerate(self.words)}
        return np.array([known.get(word, -1) for word in words], dtype=np.int32)


def _find_words(text: str) -> tuple[Array, Array, Rows]:
    """(n,) start and end of each word of a text, and the line that it is in."""
    codes = code_points(text)
    present = map(chr, range(128)) if text.isascii() else set(text)
    in_word = np.zeros(int(codes.max(initial=127)) + 1, dtype=bool)
    in_word[[ord(character) for character in present if WORD.match(character)]] = True
    inside = np.zeros(len(codes) + 2, dtype=bool)
    inside[1:-1] = in_word[codes]
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[::2], edges[1::2]
    row = np.searchsorted(np.flatnonzero(codes == ord("\n")), starts).astype(np.int32)
    return starts, ends, row


def _number_words(text: str, starts: Array, ends: Array) -> tuple[Array, Rows]:
    """(k,) the position of the first occurrence of each distinct word, and (n,) the number of each word."""
    codes, hashes = code_points(text), np.empty(len(starts), dtype=np.uint64)
    weights = np.random.default_rng(0).integers(
        1, 1 << 64, int((ends - starts).max(initial=0)), dtype=np.uint64, endpoint=False
    )
    for here in batch_slices(len(starts), BLOCK):
        hashes[here] = _hash_words(codes, weights, starts[here], ends[here])
    distinct, number = _number(hashes)
    first = np.empty(len(distinct), dtype=np.int64)
    first[number[::-1]] = np.arange(len(hashes) - 1, -1, -1)
    return first, number


def _number(hashes: Array) -> tuple[Array, Rows]:
    """The distinct ones of (n,) hashes, and (n,) the place of each among them.

    As by `np.unique`, which sorts places instead of values and takes ten times as long: places are looked up by the
    first bits of a hash, and searched for where several hashes have the same.
    """
    ordered = np.sort(hashes)
    distinct = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    if not len(distinct):
        return distinct, np.empty(0, dtype=np.int32)
    shift = np.uint64(64 - SPARE_BITS - len(distinct).bit_length())
    places = np.zeros(1 << (64 - int(shift)), dtype=np.int32)
    places[distinct >> shift] = np.arange(len(distinct), dtype=np.int32)
    number = places[hashes >> shift]
    others = np.flatnonzero(distinct[number] != hashes)
    number[others] = np.searchsorted(distinct, hashes[others])
    return distinct, number


def _hash_words(codes: Array, weights: Array, starts: Array, ends: Array) -> Array:
    """(n,) hashes Σ_p (c_p + 1) w_p of words of characters c_p, with random 64-bit weights w_p by position.

    Among a million words, the chance that two have equal hashes is 10⁻⁷.
    """
    lengths = ends - starts
    offsets = np.cumsum(lengths) - lengths
    position = np.arange(int(lengths.sum())) - np.repeat(offsets, lengths)
    characters = codes[position + np.repeat(starts, lengths)].astype(np.uint64)
    hashes: Array = np.add.reduceat((characters + np.uint64(1)) * weights[position], offsets)
    return hashes
