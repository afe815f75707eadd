"""Shared memory for the metrics of one process: others can read it, also after the process was killed.

One process writes, any number of processes read. A number is eight aligned bytes: a reader sees the old or the new one.
"""

import mmap
import os
import struct
from collections.abc import Iterator

_WORD_BYTES = 8
_MAX_WORDS = 1 << 17  # 1 MiB, of which only the used part takes memory
_HEAD = struct.Struct("=II")  # the name's length in bytes, the number of numbers


class SharedMetrics:
    """Named rows of numbers in shared memory; `fd` is inherited by the process that writes them.

    The first number is the number of words in use. It is increased after a new row is complete, so readers see only
    complete rows.
    """

    def __init__(self, fd: int | None = None) -> None:
        self.fd = os.memfd_create("pymager-metrics") if fd is None else fd
        os.ftruncate(self.fd, _MAX_WORDS * _WORD_BYTES)
        self._bytes = memoryview(mmap.mmap(self.fd, _MAX_WORDS * _WORD_BYTES))
        self.numbers = self._bytes.cast("d")
        if not self.numbers[0]:
            self.numbers[0] = 1.0

    def claim(self, name: bytes, count: int) -> int:
        """Add a row of `count` zeros, and return its index in `numbers`. Raises `MemoryError` when full."""
        head = int(self.numbers[0])
        first = head + 1 + -(-len(name) // _WORD_BYTES)
        if first + count > _MAX_WORDS:
            raise MemoryError("the shared memory for metrics is full")
        _HEAD.pack_into(self._bytes, head * _WORD_BYTES, len(name), count)
        self._bytes[(head + 1) * _WORD_BYTES : (head + 1) * _WORD_BYTES + len(name)] = name
        self.numbers[0] = float(first + count)
        return first

    def rows(self) -> Iterator[tuple[bytes, list[float]]]:
        """Every row: its name and its current numbers."""
        end, head = int(self.numbers[0]), 1
        while head < end:
            length, count = _HEAD.unpack_from(self._bytes, head * _WORD_BYTES)
            name = bytes(self._bytes[(head + 1) * _WORD_BYTES : (head + 1) * _WORD_BYTES + length])
            first = head + 1 + -(-length // _WORD_BYTES)
            yield name, list(self.numbers[first : first + count])
            head = first + count

    def close(self) -> None:
        """Close this process's view."""
        self.numbers.release()
        self._bytes.release()
        os.close(self.fd)
