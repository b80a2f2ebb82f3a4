"""The catalogue that the ids of a store belong to: item 50 of one data set is another film than item 50 of another.

A store records titles of the items of the first model that collects ratings in it. A model whose items with the same
ids have other titles does not belong to it. Titles may be corrected, and items added: the comparison allows for that.
"""

import re
import zlib
from collections.abc import Mapping

from rapidfuzz import fuzz

from cofactor.errors import BadData
from cofactor.feedback.store import RatingStore

MAX_RECORDED = 20_000  # titles: of a larger catalogue, those of the items whose ids have the smallest checksums
MAX_DIFFERENT = 0.2  # share of the compared titles that may differ in a catalogue that was corrected
SIMILAR = 70  # similarity, in percent, of two spellings of one title
YEARS = range(1000, 3000)


class OtherCatalogue(BadData):
    """A store holds ratings of items of another catalogue than a model or a table of ratings."""

    status = 409


def record_catalogue(store: RatingStore, models: Mapping[str, Mapping[str, str]]) -> None:
    """Records the titles of the models that are served with a store; raises OtherCatalogue if one does not belong to
    it, or if they do not belong together. A store without ratings takes any catalogue.

    models: the titles by item id of each model, by its name.
    """
    before = store.titles()
    recorded = before if before and store.count() else {}
    for name, titles in models.items():
        check_catalogue(recorded, titles, store.name, f"the model {name}")
        recorded = sample_titles({**recorded, **titles})
    if recorded != before:
        store.replace_titles(recorded)


def sample_titles(titles: Mapping[str, str]) -> dict[str, str]:
    """The titles that a store records of a catalogue: always those of the same ids, whatever other items there are."""
    titled = {item: title for item, title in titles.items() if title}
    if len(titled) <= MAX_RECORDED:
        return titled
    checksums = sorted((zlib.crc32(item.encode(errors="replace")), item) for item in titled)
    return {item: titled[item] for _, item in checksums[:MAX_RECORDED]}


def check_catalogue(recorded: Mapping[str, str], titles: Mapping[str, str], store: str, other: str) -> None:
    """Raises OtherCatalogue if items have other titles than a store has recorded.

    titles: of the items of a model or a table, by id. store, other: what the message calls them.
    """
    compared = [(item, old, titles[item]) for item, old in recorded.items() if item in titles]
    different = [one for one in compared if not _is_same_title(*one[1:])]
    if len(different) <= MAX_DIFFERENT * len(compared):
        return
    item, old, new = different[0]
    raise OtherCatalogue(
        f"{store} holds ratings of another catalogue than {other}: {len(different):,} of {len(compared):,} titles "
        f"differ; item {item!r} is {old[:60]!r} in the store, and {new[:60]!r} here",
        "use another store for it; if only the titles have changed: cofactor ratings STORE --titles-of MODEL",
    )


def _is_same_title(one: str, other: str) -> bool:
    if one == other:
        return True
    (words, numbers), (other_words, other_numbers) = _parts(one), _parts(other)
    return numbers == other_numbers and fuzz.ratio(words, other_words) >= SIMILAR


def _parts(title: str) -> tuple[str, list[str]]:
    """The words of a title in alphabetical order, and its numbers without years."""
    parts = sorted(re.findall(r"\w+", title.casefold()))
    numbers = [part for part in parts if part.isdecimal() and int(part[:18]) not in YEARS]
    return " ".join(part for part in parts if not part.isdecimal()), numbers
