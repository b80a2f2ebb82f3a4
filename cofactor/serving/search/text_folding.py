"""Text without case and accents, one by one and for a whole catalogue at once."""

import unicodedata
from collections.abc import Sequence

from cofactor.ids import BLANKS

ODD = [*(blank for blank in BLANKS if blank not in "\n "), "  ", "\n ", " \n"]  # other than single spaces between words


def fold(text: str) -> str:
    """Text without case and accents, and with single spaces."""
    if text.isascii():  # most are: ten times as fast
        return " ".join(text.lower().split())
    return " ".join(_without_accents(text).split())


def fold_all(texts: Sequence[str]) -> list[str]:
    """`fold` of each text. They are folded as one long text, which is about ten times as fast."""
    whole = "\n".join(texts)
    if whole.count("\n") != len(texts) - 1:  # a text has a line break in it, or there are none
        return [fold(text) for text in texts]
    if whole.isascii():
        return _with_single_spaces(whole.lower())
    folded = _with_single_spaces("\n".join(text if text.isascii() else "" for text in texts).lower())
    others = [place for place, text in enumerate(texts) if not text.isascii()]
    without = _without_accents("\n".join(texts[place] for place in others))
    for place, text in zip(others, _with_single_spaces(without), strict=True):
        folded[place] = text
    return folded


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return apart.translate({ord(c): None for c in set(apart) if unicodedata.combining(c)})


def _with_single_spaces(whole: str) -> list[str]:
    """The lines of a text, with single spaces between words and none around them."""
    if any(odd in whole for odd in ODD) or whole[:1] == " " or whole[-1:] == " ":
        return [" ".join(line.split()) for line in whole.split("\n")]
    return whole.split("\n")
