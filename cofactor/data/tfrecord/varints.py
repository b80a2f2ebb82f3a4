"""Varints, the integers of Protocol Buffers: seven bits per byte, lowest first; the top bit marks that more follow.

Whole columns are packed at once. A negative number takes the ten bytes of its two's complement.
"""

import re

import numpy as np

from cofactor.arrays import Array, Times
from cofactor.errors import BadData

BITS = 7
MORE = 0x80  # the bit of a byte that another follows
LONGEST = 10  # bytes of 64 bits
LEADING = bytes(range(MORE, 256))
TOO_LONG = re.compile(b"[\x80-\xff]{%d}" % LONGEST)


def varint(number: int) -> bytes:
    """The bytes of one non-negative number of at most 64 bits."""
    packed = bytearray()
    while number >= MORE:
        packed.append(number & (MORE - 1) | MORE)
        number >>= BITS
    packed.append(number)
    return bytes(packed)


def pack_varints(values: Times) -> tuple[bytes, Array]:
    """The bytes of (n,) int64, and the (n + 1,) positions where each begins."""
    rest = values.astype(np.int64, copy=False).view(np.uint64)
    length = np.ones(len(rest), dtype=np.int64)
    for more in range(1, LONGEST):
        length += rest >= np.uint64(1) << np.uint64(BITS * more)
    begins = np.concatenate(([0], np.cumsum(length)))
    packed = np.empty(begins[-1], dtype=np.uint8)
    for place in range(int(length.max(initial=0))):
        here = np.flatnonzero(length > place)
        bits = (rest[here] >> np.uint64(BITS * place)).astype(np.uint8) & (MORE - 1)
        packed[begins[here] + place] = bits | np.where(length[here] > place + 1, MORE, 0).astype(np.uint8)
    return packed.tobytes(), begins


def unpack_varints(packed: bytes | bytearray) -> Times:
    """(n,) int64 of varints that `count_varints` has counted."""
    data = np.frombuffer(packed, dtype=np.uint8)
    last = np.flatnonzero(data < MORE)
    first = np.concatenate(([0], last[:-1] + 1))[: len(last)]
    length = last - first + 1
    values = np.zeros(len(last), dtype=np.uint64)
    for place in range(int(length.max(initial=0))):
        here = np.flatnonzero(length > place)
        values[here] |= (data[first[here] + place] & np.uint8(MORE - 1)).astype(np.uint64) << np.uint64(BITS * place)
    return values.view(np.int64)


def count_varints(packed: bytes) -> int:
    """The number of varints. Raises BadData where one is cut short or longer than 64 bits."""
    if (packed and packed[-1] >= MORE) or TOO_LONG.search(packed):
        raise BadData("a number in it is cut short or too long")
    return len(packed.translate(None, LEADING))
