"""The rule for the ids of users and items, which is the same for reading, training, serving and the store.

An id is text in Unicode normal form C, without white space around it, of 1 to MAX_LENGTH characters. It has no control
characters, line separators or invisible characters, so that two ids that look alike are equal as far as possible, and
it is not "." or "..", which clients remove from addresses. Joiners and variation selectors, which some scripts need,
may be part of an id that has another character.
"""

import re
import unicodedata

from cofactor.errors import BadData

MAX_LENGTH = 200  # characters
MAX_GIVEN = 4 * MAX_LENGTH  # characters before normalization, which takes quadratic time for some texts
BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + ("\u2028\u2029\u202f\u205f\u3000")
)  # white space: the characters that str.strip removes
JOINING = "\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"  # in a character class: allowed beside other characters
HIDDEN = (
    r"\x00-\x1f\x7f-\x9f"  # control characters
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"  # format characters
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # letters and marks that are drawn as nothing
)  # in a character class of Python or of SQL
HINT = "an id is text of 1 to 200 visible characters other than . and .."
LONGEST_SHOWN = 60

_HIDDEN = re.compile(f"[{HIDDEN}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ONLY_JOINING = re.compile(f"[{JOINING}]*")


def normalize_id(text: str) -> str:
    """An id in normal form: NFC, without white space around it. It may still have a fault."""
    text = text.strip()
    return text if text.isascii() or len(text) > MAX_GIVEN else unicodedata.normalize("NFC", text)


def find_id_fault(text: str) -> str | None:
    """What is wrong with an id in normal form, as in "user 'a' " + fault; None if it follows the rule."""
    if len(text) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if text.isascii() and text.isprintable():
        return "is not accepted as an id" if text in ("", ".", "..") else None
    if _ONLY_JOINING.fullmatch(text):
        return "has no visible character"
    if _SURROGATE.search(text):
        return "is not Unicode text"
    return "has a control character or an invisible character in it" if _HIDDEN.search(text) else None


def check_id(text: str, noun: str = "") -> str:
    """The normal form of an id; raises BadData for text that is no id. `noun`: "user" or "item", for the message."""
    normal = normalize_id(text)
    fault = find_id_fault(normal)
    if fault is None:
        return normal
    what = f"the {noun} id" if noun else "the id"
    if not normal:
        raise BadData(f"{what} is empty", HINT)
    shown = normal if len(normal) <= LONGEST_SHOWN else normal[: LONGEST_SHOWN - 3] + "..."
    raise BadData(f"{what} {shown!r} {fault}", HINT)
