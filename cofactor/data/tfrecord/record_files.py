"""Reads and writes TFRecord files: records of bytes with lengths and checksums, plain or gzipped.

    length          uint64, little-endian
    masked CRC-32C  uint32, of these eight bytes
    data            `length` bytes
    masked CRC-32C  uint32, of the data

masked(c) = (c >> 15 | c << 17) + 0xa282ead8 mod 2³²: a checksum of data that itself holds checksums would be weak.
The layout is that of TensorFlow's `record_writer.h` and its guide "TFRecord and tf.train.Example".
"""

import gzip
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from cofactor.data.reading.containers.zip_files import MAX_COMPRESSION, SMALL
from cofactor.errors import BadData, error_context

HEAD = struct.Struct("<QI")  # length and its checksum
CHECKSUM = struct.Struct("<I")
MASK = 0xA282EAD8
MAX_RECORD = 64 << 20  # bytes; about five million ratings of one user
GZIP = b"\x1f\x8b"
LEVEL = 6  # gzip's usual level
DAMAGED = "the file is damaged or cut short: export or fetch it again"
FOREIGN = "check that it is a TFRecord file, plain or gzipped"


class Record(NamedTuple):
    """One record: its number from 1, its first byte in the (unpacked) file, and its data."""

    number: int
    byte: int
    data: bytes

    @property
    def place(self) -> str:
        """The name of the record in error messages."""
        return _place(self.number, self.byte)


@contextmanager
def record_file(path: Path, *, gzipped: bool) -> Iterator[IO[bytes]]:
    """A new file for framed records; the same records give the same bytes, gzipped or not."""
    with path.open("xb") as file:
        if not gzipped:
            yield file
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0) as packed:
            yield packed  # type: ignore[misc]  # which writes bytes as any file does


def frame_records(records: Iterable[bytes]) -> bytes:
    """The bytes of records in a file, with lengths and checksums."""
    from google_crc32c import value as crc32c

    parts: list[bytes] = []
    for data in records:
        length = len(data).to_bytes(8, "little")
        parts += length, CHECKSUM.pack(mask_checksum(crc32c(length))), data, CHECKSUM.pack(mask_checksum(crc32c(data)))
    return b"".join(parts)


def read_records(path: Path) -> Iterator[Record]:
    """Yields the records of a file, each checked, one in memory at a time.

    Raises BadData, with number and byte, for a record that is cut short, changed or too large, and for the first one of
    a file that is not TFRecord. A gzip that unpacks to far more than ratings would is an error, too.
    """
    with error_context(str(path)), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(HEAD.size)
        file.seek(0)
        if not is_record_head(start) and start.startswith(GZIP):
            with gzip.GzipFile(fileobj=file, mode="rb") as packed:
                most = max(SMALL, MAX_COMPRESSION * size)
                said = f"but of a gzip of {size:,} bytes at most {most:,} are unpacked"
                yield from _records(packed, most, said)  # type: ignore[arg-type]
        else:
            yield from _records(file, size, f"but the file has {size:,}")


def is_record_head(start: bytes) -> bool:
    """Whether the first twelve bytes of a file are those of a record."""
    from google_crc32c import value as crc32c

    return len(start) >= HEAD.size and HEAD.unpack_from(start)[1] == mask_checksum(crc32c(start[:8]))


def mask_checksum(checksum: int) -> int:
    """The masked form in which a checksum is stored."""
    return ((checksum >> 15 | checksum << 17) + MASK) & 0xFFFFFFFF


def _records(file: IO[bytes], most: int, said: str) -> Iterator[Record]:
    """The records of a stream of at most `most` bytes; `said` ends the message about a record beyond them."""
    number, byte = 1, 0
    try:
        while data := _record(file, most - byte, number, said):
            yield Record(number, byte, data[0])
            number, byte = number + 1, byte + HEAD.size + len(data[0]) + CHECKSUM.size
    except BadData as error:
        raise BadData(f"{_place(number, byte)}: {error.message}", error.hint) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadData(f"{_place(number, byte)}: the gzip is cut short or damaged ({error})", DAMAGED) from None


def _record(file: IO[bytes], left: int, number: int, said: str) -> tuple[bytes] | None:
    """The data of the next record; None at the end of the file."""
    from google_crc32c import value as crc32c

    head = file.read(HEAD.size)
    if not head:
        return None
    if len(head) < HEAD.size:
        raise BadData(f"{len(head)} bytes instead of a length and its checksum", DAMAGED if number > 1 else FOREIGN)
    length, checksum = HEAD.unpack(head)
    if checksum != mask_checksum(crc32c(head[:8])):
        raise BadData("the checksum of its length is wrong", DAMAGED if number > 1 else FOREIGN)
    if length > MAX_RECORD:
        raise BadData(f"a record of {length:,} bytes; {MAX_RECORD:,} are allowed", "one record has one user's ratings")
    if HEAD.size + length + CHECKSUM.size > left:
        raise BadData(f"a record of {length:,} bytes, {said}", DAMAGED)
    data = file.read(length + CHECKSUM.size)
    if len(data) < length + CHECKSUM.size:
        raise BadData(f"cut short: {len(data):,} of {length + CHECKSUM.size:,} bytes", DAMAGED)
    body = data[:length]
    if CHECKSUM.unpack_from(data, length)[0] != mask_checksum(crc32c(body)):
        raise BadData("the checksum of its data is wrong", DAMAGED)
    return (body,)


def _place(number: int, byte: int) -> str:
    return f"record {number:,} (byte {byte:,})"
