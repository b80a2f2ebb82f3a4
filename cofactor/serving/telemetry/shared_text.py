"""Shared memory in which each of several processes publishes a text for the others."""

import multiprocessing
import struct
import zlib
from collections.abc import MutableSequence
from typing import Any

SIZE = 1 << 18  # bytes for each: some two thousand counts
HEAD = struct.Struct("<II")  # length and CRC-32 of the text


class SharedText:
    """One slot for each process, which only that process writes. A reader never waits for a writer.

    Each slot holds two texts that are written in turn. If the checksum of the newer one is wrong, because it was being
    written or its writer was killed, the older one is read.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        context = multiprocessing.get_context("spawn")
        self._memory: MutableSequence[Any] = context.RawArray("c", n * 2 * SIZE)
        self._turns: MutableSequence[int] = context.RawArray("i", n)  # which of the two was written last

    def write(self, place: int, text: bytes) -> bool:
        """Writes a text into a slot; False if it is too long."""
        if len(text) > SIZE - HEAD.size:
            return False
        turn = 1 - self._turns[place]
        start = (2 * place + turn) * SIZE
        self._memory[start : start + HEAD.size + len(text)] = HEAD.pack(len(text), zlib.crc32(text)) + text
        self._turns[place] = turn
        return True

    def read(self, place: int) -> bytes:
        """The text that was written last; empty if there is none."""
        last = self._turns[place]
        for turn in (last, 1 - last):
            start = (2 * place + turn) * SIZE
            length, checksum = HEAD.unpack(bytes(self._memory[start : start + HEAD.size]))
            if length <= SIZE - HEAD.size:
                text = bytes(self._memory[start + HEAD.size : start + HEAD.size + length])
                if zlib.crc32(text) == checksum:
                    return text
        return b""
