"""The first lines of a text file, and the stream of its bytes."""

import codecs
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from cofactor.errors import BadData

HEAD = 1 << 16  # bytes that are examined
MAX_LINES = 200
MIN_LINES = 4  # more bytes are read until there are so many lines, the last of which may be cut
MAX_HEAD = 1 << 24
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


TO_UTF8 = (
    "save the file as UTF-8: iconv -f ENCODING -t UTF-8, where ENCODING is often CP1252 in Western Europe, CP1251 for "
    "Cyrillic and GB18030 for Chinese"
)


@dataclass(frozen=True)
class TextHead:
    """The first lines of a file that are not blank, with their numbers, and whether it has no others."""

    lines: tuple[tuple[int, str], ...]
    whole: bool

    @property
    def texts(self) -> list[str]:
        """The lines without their numbers."""
        return [line for _, line in self.lines]


def read_head(path: Path, holds: str = "lines of user, item, rating") -> TextHead:
    """The head of a file; raises BadData for an empty or binary file and for an encoding other than UTF-8."""
    try:
        with open_text(path) as file:
            head = file.read(HEAD)
            while len(head) % HEAD == 0 and len(head.splitlines()) < MIN_LINES and len(head) < MAX_HEAD and head:
                more = file.read(HEAD)
                head += more
                if not more:
                    break
            whole = len(head) % HEAD > 0
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"a gzip file that is cut short or damaged ({error})", "fetch or make it again") from None
    if encoding := foreign_encoding(head):
        raise BadData(f"written in {encoding}", f"save it as UTF-8 (iconv -f {encoding} -t UTF-8)")
    if b"\0" in head:
        raise BadData("a binary file, not a table of ratings", "a ratings file is CSV, TSV, JSON or Parquet")
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
    lines = list(io.StringIO(text, newline=None))
    if not whole and len(lines) > 1:
        lines.pop()  # it may be incomplete
    numbered = [(number, line.rstrip("\n")) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise BadData("the file is empty", f"it needs {holds}")
    return TextHead(tuple(numbered[:MAX_LINES]), whole and len(numbered) <= MAX_LINES)


def foreign_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 where text is in one of them, by its byte order mark or by the zeros between its letters."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return encoding
    zeros = head.count(0)
    if zeros and zeros >= len(head) // 3 and not any(head[at : at + 2] == b"\0\0" for at in range(0, len(head), 64)):
        return "UTF-16LE" if head[::2].count(0) < head[1::2].count(0) else "UTF-16BE"
    return None


def open_text(path: Path) -> IO[bytes]:
    """A text file as a stream of bytes, unpacked where it is gzipped."""
    return cast(IO[bytes], gzip.open(path)) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """Whether a file begins with the bytes of gzip."""
    with path.open("rb") as file:
        return file.read(2) == GZIP
