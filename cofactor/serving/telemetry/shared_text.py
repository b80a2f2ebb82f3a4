"""Shared memory in which each of several processes keeps a text for the others to read."""

import multiprocessing
import struct
import zlib
from collections.abc import MutableSequence
from typing import Any

SIZE = 1 << 18  # bytes for each: some two thousand counts
HEAD = struct.Struct("<II")  # length and CRC-32 of the text


class SharedText:
    """One slot for each process, written by it alone. A reader never waits, whatever happened to the writer.

    A text is believed where its checksum is right. One that was read while it was written, or whose writer was killed
    at it, is not: the one before is read instead, for each slot keeps two and they are written in turn.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        context = multiprocessing.get_context("spawn")
        self._memory: MutableSequence[Any] = context.RawArray("c", n * 2 * SIZE)
        self._turns: MutableSequence[int] = context.RawArray("i", n)  # which of the two was written last

    def write(self, place: int, text: bytes) -> bool:
        """Puts a text into a slot; False where it is too long for one."""
        if len(text) > SIZE - HEAD.size:
            return False
        turn = 1 - self._turns[place]
        start = (2 * place + turn) * SIZE
        self._memory[start : start + HEAD.size + len(text)] = HEAD.pack(len(text), zlib.crc32(text)) + text
        self._turns[place] = turn
        return True

    def read(self, place: int) -> bytes:
        """What was written last; nothing where nothing was."""
        last = self._turns[place]
        for turn in (last, 1 - last):
            start = (2 * place + turn) * SIZE
            length, checksum = HEAD.unpack(bytes(self._memory[start : start + HEAD.size]))
            if length <= SIZE - HEAD.size:
                text = bytes(self._memory[start + HEAD.size : start + HEAD.size + length])
                if zlib.crc32(text) == checksum:
                    return text
        return b""
