r"""Visible escapes for characters with which text from data could control a terminal: ESC is written as `\x1b`."""

import re

__all__ = ["escape_controls", "escape_controls_in_json", "escape_controls_in_lines", "escape_unprintable"]

CONTROLS = "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1
BREAKS = "\u2028\u2029"  # separators of lines and paragraphs
BIDI = "\u202a-\u202e\u2066-\u206f"  # overrides, embeddings and isolates of the writing direction; not its marks
SURROGATES = "\ud800-\udfff"  # cannot be encoded
CONTROL = re.compile(f"[{CONTROLS}{BREAKS}{BIDI}{SURROGATES}]")
CONTROL_IN_LINE = re.compile(f"(?![\t\n])[{CONTROLS}{BREAKS}{BIDI}{SURROGATES}]")


def escape_controls(text: str) -> str:
    """One line of text with its controls escaped, line breaks too; any other text is unchanged.

    Controls are those of C0 and C1, DEL, overrides of the writing direction, and lone surrogates.
    """
    return text if text.isprintable() else CONTROL.sub(_escape, text)


def escape_controls_in_lines(text: str) -> str:
    """Lines of text with their controls escaped, except line breaks and tabs."""
    return text if text.isprintable() else CONTROL_IN_LINE.sub(_escape, text)


def escape_controls_in_json(document: bytes) -> bytes:
    """The same JSON document, with controls in its strings escaped; those of C0 are already."""
    if document.isascii() and b"\x7f" not in document:
        return document
    return CONTROL_IN_LINE.sub(lambda found: f"\\u{ord(found[0]):04x}", document.decode()).encode()


def escape_unprintable(text: str) -> str:
    """One line of text with everything escaped that is invisible: controls, joiners, and spaces other than U+0020."""
    return text if text.isprintable() else "".join(one if one.isprintable() else _code(ord(one)) for one in text)


def _escape(found: re.Match[str]) -> str:
    return _code(ord(found[0]))


def _code(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
