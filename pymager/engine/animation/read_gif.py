"""The parts of a GIF (GIF89a specification)."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from struct import pack, unpack_from

from pymager.engine.animation.parts import Disposal, Part, Parts
from pymager.engine.containers.container import Box, Data
from pymager.engine.containers.gif import EXTENSION, TRAILER, block_end, color_table_bytes, next_block

_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE, 4: Disposal.RESTORE}
"""Section 23; 4 is what some programs write for 3, and browsers read it so."""
_LOCAL_TABLE, _INTERLACED = 0x80, 0x40
_TRANSPARENT = 0x01
_UNIT_MILLISECONDS = 10


def read(data: Data) -> Parts | None:
    """The parts of a GIF; None if it has none.

    The canvas is the logical screen, or the first part if that is larger, as in browsers.
    """
    width, height, flags = unpack_from("<HHB", data, 6)
    table_end = 13 + color_table_bytes(flags)
    table = data[13:table_end]
    plays, control, parts = 1, b"\0\0\0\0", list[Part]()
    for introducer, start, end in _blocks(data, table_end):
        if introducer == EXTENSION:
            if data[start] == _GRAPHIC_CONTROL and data[start + 1] >= 4:
                control = data[start + 2 : start + 6]
            elif data[start] == _APPLICATION:
                plays = _plays(data, start, plays)
            continue
        parts.append(_part(data, start, end, table, control))
        control = b"\0\0\0\0"
    if not parts:
        return None
    _, _, right, bottom = parts[0].area
    return Parts((max(width, right), max(height, bottom)), plays, tuple(parts))


def _blocks(data: Data, position: int) -> Iterator[tuple[int, int, int]]:
    """The introducer, the start and the end of each block before the trailer. A cut extension at the end is left out.

    Raises `struct.error` or `IndexError` if a picture is cut.
    """
    while (block := next_block(data, position)) is not None and block[0] != TRAILER:
        introducer, start = block
        try:
            position = block_end(data, introducer, start)
        except IndexError:
            if introducer == EXTENSION:
                return
            raise
        yield introducer, start, position


def _plays(data: Data, start: int, plays: int) -> int:
    """How often the animation plays: once more than the extension says, 0 for ever; without the extension once."""
    if data[start + 2 : start + 13] in _LOOPING and data[start + 13] >= 3 and data[start + 14] & 7 == 1:
        (repetitions,) = unpack_from("<H", data, start + 15)
        return repetitions + 1 if repetitions else 0
    return plays


def _part(data: Data, start: int, end: int, table: bytes, control: bytes) -> Part:
    left, top, width, height, flags = unpack_from("<HHHHB", data, start)
    packed, hundredths, transparent = unpack_from("<BHB", control)
    pixels = start + 9
    if flags & _LOCAL_TABLE:
        pixels += color_table_bytes(flags)
        table = data[start + 9 : pixels]
    has_alpha = bool(packed & _TRANSPARENT)
    disposal = _DISPOSALS.get(packed >> 2 & 7, Disposal.KEEP)
    area: Box = (left, top, left + width, top + height)
    still = partial(
        _still, data, pixels, end, (width, height), table, flags & _INTERLACED, transparent if has_alpha else None
    )
    return Part(area, Fraction(hundredths * _UNIT_MILLISECONDS), disposal, True, has_alpha, still)


def _still(
    data: Data, start: int, end: int, size: tuple[int, int], table: bytes, interlaced: int, transparent: int | None
) -> bytes:
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    head = b"GIF89a" + pack("<HHBBB", *size, flags, 0, 0) + table
    if transparent is not None:
        head += pack("<BBBBHBB", EXTENSION, _GRAPHIC_CONTROL, 4, _TRANSPARENT, 0, transparent, 0)
    return head + pack("<BHHHHB", 0x2C, 0, 0, *size, interlaced) + data[start:end] + b";"
