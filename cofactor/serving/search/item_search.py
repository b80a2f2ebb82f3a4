"""Search for items by words of titles and genres, tolerant of typing errors."""

from dataclasses import dataclass, replace

import numpy as np

from cofactor.arrays import Array, Floats, Mask, Rows
from cofactor.models.top_n.item_attributes import NO_YEAR
from cofactor.serving.item_table import ItemTable
from cofactor.serving.search.inverted_index import InvertedIndex
from cofactor.serving.search.postings import Postings, words_of
from cofactor.serving.search.title_search import TitleSearch

MOST_WORDS = 12  # of a query; further words are ignored
EXACT, PREFIX, ONE_ERROR, FURTHER_ERROR = 1.0, 0.8, 0.7, 0.3  # quality of a match; loss by each further typing error
GENRE_FACTOR = 0.5  # for matches of a genre or the year
WHOLE_TITLE = 0.5  # bonus for a title without other words
YEARS = ["", *map(str, range(10_000))]  # the word of each year; none for `NO_YEAR`, which is the number before 0
ARTICLES = frozenset({"a", "an", "the"})


@dataclass(frozen=True)
class WordMatch:
    """A word of a query, how well it matches each item, and the known words it may be a misspelling of."""

    word: str
    fit: Floats  # (n_items,) 0 … 1
    instead: tuple[str, ...] = ()  # similar known words, the likeliest first; none if the word is known


class ItemSearch:
    """An index of the words of all titles and genres; immutable."""

    def __init__(self, table: ItemTable, folded: TitleSearch) -> None:
        """`folded` holds the titles of the table."""
        self._table = table
        by_popularity = Postings.from_lines(folded.lines)
        titles = _without_year(replace(by_popularity, row=table.by_popularity[by_popularity.row]), table)
        self._titles, self._about = InvertedIndex(titles), InvertedIndex(_about(table))
        self._lengths = np.maximum(1, self._titles.counts(len(table.ids), ARTICLES))
        self._places = np.empty(len(table.ids), dtype=np.int32)  # in order of popularity
        self._places[table.by_popularity] = np.arange(len(table.ids), dtype=np.int32)

    def search(self, query: str, n: int, hidden: Mask | None = None) -> tuple[list[int], str]:
        """Up to n item rows, and the query as it was interpreted.

        A word of the query matches the same word of a title or genre, or one that begins with it; if there is none, one
        that is one typing error away (two for six letters or more; none for one or two). The result are the items that
        match most words of the query, ordered by the quality of the match, then by the number of ratings. If no item
        matches all words, known words are corrected as well. An empty query gives the most rated items.
        """
        words = list(dict.fromkeys(words_of(query)))[:MOST_WORDS]
        if not words:
            order = self._table.by_popularity
            most_rated: list[int] = (order if hidden is None else order[~hidden[order]])[:n].tolist()
            return most_rated, ""
        readings = self._readings(words, loose=False)
        rows = self._best_rows(readings, n, hidden, at_least=len(readings))
        if not len(rows):
            readings = self._readings(words, loose=True)
            rows = self._best_rows(readings, n, hidden, at_least=1)
        return rows.tolist(), self._interpreted_query(readings, rows)

    def search_words(self, query: str, n: int, hidden: Mask) -> list[int]:
        """Up to n item rows whose title or genres have every word of a query, or one that begins with it; the most
        rated first."""
        fits = ~hidden
        for word in words_of(query)[:MOST_WORDS]:
            fits &= self._fit_as_spelt(word) > 0
        order = self._table.by_popularity
        rows: list[int] = order[fits[order]][:n].tolist()
        return rows

    def _readings(self, words: list[str], loose: bool) -> list[WordMatch]:
        """The matches of each word; of both parts for an unmatched word that consists of two known ones."""
        readings: list[WordMatch] = []
        for word in words:
            one = self._read(word, loose)
            parts = [] if one.fit.any() else self._parts(word)
            readings += [self._read(part, loose) for part in parts] or [one]
        return readings

    def _parts(self, word: str) -> list[str]:
        """The two known words that an unknown word consists of, as in "spiderman" and "starwars"; otherwise empty."""
        cuts = [[word[:at], word[at:]] for at in range(1, len(word))]
        known = [both for both in cuts if all(part in self._titles for part in both)]
        return max(known, key=lambda both: min(map(self._titles.count, both)), default=[])

    def _read(self, word: str, loose: bool) -> WordMatch:
        exact = self._fit_as_spelt(word)
        if exact.any() and not loose:
            return WordMatch(word, exact)
        near = sorted(
            (-fits, -index.count(known), known, index, fits)
            for index, times in ((self._titles, 1.0), (self._about, GENRE_FACTOR))
            for known, errors in index.similar_words(word)
            for fits in [times * (ONE_ERROR - FURTHER_ERROR * (errors - 1))]
        )
        fit = np.zeros_like(exact)
        for *_, known, index, fits in reversed(near):  # the best match is written last
            fit[index.rows(known)] = fits
        known_word = word in self._titles or word in self._about
        return WordMatch(word, np.maximum(fit, exact), () if known_word else tuple(one[2] for one in near))

    def _fit_as_spelt(self, word: str) -> Floats:
        """(n_items,) quality of the matches of a word without corrections."""
        fit = np.zeros(len(self._lengths), dtype=np.float32)
        for index, times in ((self._about, GENRE_FACTOR), (self._titles, 1.0)):
            beginning = index.rows_with_prefix(word)
            fit[beginning] = np.maximum(fit[beginning], PREFIX * times)
            fit[index.rows(word)] = EXACT * times
        return fit

    def _best_rows(self, readings: list[WordMatch], n: int, hidden: Mask | None, at_least: int) -> Rows:
        """(≤ n,) rows of the items that match the most words, best first; none if these match too few words."""
        total, many = np.zeros(len(self._lengths), dtype=np.float32), np.zeros(len(self._lengths), dtype=np.int32)
        said = np.zeros_like(many)
        for one in readings:
            total += one.fit
            many += one.fit > 0
            if one.word not in ARTICLES:
                said += one.fit == EXACT
        if hidden is not None:
            many[hidden] = 0
        most = int(many.max(initial=0))
        if most < at_least:
            return np.empty(0, dtype=np.int32)
        rows = np.flatnonzero(many == most)
        worth = total[rows] + WHOLE_TITLE * (said[rows] >= self._lengths[rows])
        order = np.lexsort((self._places[rows], -worth))[:n]
        return rows[order].astype(np.int32)

    def _interpreted_query(self, readings: list[WordMatch], rows: Rows) -> str:
        """The query with each unknown word replaced by a similar word of the best item, or by the likeliest one."""
        first: Array = rows[:1]
        words = {one for row in first.tolist() for one in words_of(self._text(row))}
        return " ".join(
            next((one for one in reading.instead if one in words), _likeliest(reading)) for reading in readings
        )

    def _text(self, row: int) -> str:
        return " ".join([self._table.titles[row], *self._table.genres[row]])


def _likeliest(reading: WordMatch) -> str:
    return reading.instead[0] if reading.instead else reading.word


def _without_year(titles: Postings, table: ItemTable) -> Postings:
    """The words of titles, without the year at the end."""
    last = np.ones(len(titles.row), dtype=bool)
    last[:-1] = titles.row[1:] != titles.row[:-1]
    year_words = titles.numbers(YEARS)[table.year_array - NO_YEAR]  # (n_items,)
    return titles.where(~last | (titles.word != year_words[titles.row]))


def _about(table: ItemTable) -> Postings:
    """The words of the genres and the year of each item."""
    genres, genres_of_item = table.genre_sets
    named = Postings.from_texts([" ".join(names) for names in genres]).expand(genres_of_item)
    return named.merge(Postings.from_texts(YEARS).expand(table.year_array - NO_YEAR))
