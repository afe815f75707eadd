"""Numbers of one process in memory that others can read, also after it was killed.

One process writes, any number read. A number is eight aligned bytes, so that a reader sees the old one or the new.
"""

import mmap
import os
import struct
from collections.abc import Iterator

_WORD = 8
_WORDS = 1 << 17  # one MiB, of which only what is used takes memory
_HEAD = struct.Struct("=II")  # bytes of the name, how many numbers


class Board:
    """A piece of shared memory with named rows of numbers; `fd` goes to the process that is to write it.

    The first number is how many words are in use. It is moved on after a new row stands, so readers see whole rows.
    """

    def __init__(self, fd: int | None = None) -> None:
        self.fd = os.memfd_create("pymager-metrics") if fd is None else fd
        os.ftruncate(self.fd, _WORDS * _WORD)
        self._bytes = memoryview(mmap.mmap(self.fd, _WORDS * _WORD))
        self.numbers = self._bytes.cast("d")
        if not self.numbers[0]:
            self.numbers[0] = 1.0

    def claim(self, name: bytes, count: int) -> int:
        """Make a row of `count` zeros and say where in `numbers` it begins. Raises `MemoryError` when full."""
        head = int(self.numbers[0])
        first = head + 1 + -(-len(name) // _WORD)
        if first + count > _WORDS:
            raise MemoryError("the board is full")
        _HEAD.pack_into(self._bytes, head * _WORD, len(name), count)
        self._bytes[(head + 1) * _WORD : (head + 1) * _WORD + len(name)] = name
        self.numbers[0] = float(first + count)
        return first

    def rows(self) -> Iterator[tuple[bytes, list[float]]]:
        """Every row's name and its numbers of now."""
        end, head = int(self.numbers[0]), 1
        while head < end:
            length, count = _HEAD.unpack_from(self._bytes, head * _WORD)
            name = bytes(self._bytes[(head + 1) * _WORD : (head + 1) * _WORD + length])
            first = head + 1 + -(-length // _WORD)
            yield name, list(self.numbers[first : first + count])
            head = first + count

    def close(self) -> None:
        """Let go of this process's view."""
        self.numbers.release()
        self._bytes.release()
        os.close(self.fd)
