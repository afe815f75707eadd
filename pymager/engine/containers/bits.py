"""Reads fields of a JPEG XL codestream bit by bit (ISO/IEC 18181-1:2024 annex B)."""

from collections.abc import Sequence

Distribution = Sequence[tuple[int, int]]
"""The four ways to store a number: how many bits it has, and what is added to them."""

ENUM: Distribution = ((0, 0), (0, 1), (4, 2), (6, 18))


class BitReader:
    """Reads bits from the least significant one of each byte on. Raises `IndexError` after the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "little")
        self._left = 8 * len(data)

    def number(self, bits: int) -> int:
        """An unsigned number: u(n)."""
        if bits > self._left:
            raise IndexError("the header ends too early")
        value = self._bits & (1 << bits) - 1
        self._bits >>= bits
        self._left -= bits
        return value

    def flag(self) -> bool:
        """A number of one bit: Bool()."""
        return self.number(1) == 1

    def choice(self, distribution: Distribution) -> int:
        """A number whose length is chosen by two bits: U32(d0, d1, d2, d3)."""
        bits, offset = distribution[self.number(2)]
        return self.number(bits) + offset

    def enum(self) -> int:
        """A value of an enumeration: Enum()."""
        return self.choice(ENUM)
