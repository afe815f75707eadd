"""Writes fields of a JPEG XL header bit by bit (ISO/IEC 18181-1:2024 annex B)."""


class BitWriter:
    """Collects numbers, the least significant bit first."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def put(self, value: int, bits: int) -> "BitWriter":
        """Append an unsigned number of so many bits."""
        self._bits += [value >> index & 1 for index in range(bits)]
        return self

    def codestream(self) -> bytes:
        """A codestream of these bits and zeros."""
        number = sum(bit << index for index, bit in enumerate(self._bits))
        return b"\xff\x0a" + number.to_bytes(len(self._bits) // 8 + 64, "little")
