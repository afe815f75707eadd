"""Edits files that consist of boxes: AVIF and HEIC (ISO/IEC 14496-12, 23008-12), JPEG 2000 (ISO/IEC 15444-1)."""

import struct
from collections.abc import Callable


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """The boxes of a file, or of the content of a box: types and contents."""
    parts, position = [], 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        size = size or len(data) - position
        parts.append((kind, data[position + 8 : position + size]))
        position += size
    return parts


def joined(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(box(kind, content) for kind, content in parts)


def with_properties(data: bytes, *properties: bytes, replace: tuple[bytes, ...] = ()) -> bytes:
    """An AVIF or HEIC whose first item has more properties (whole boxes); properties in `replace` are left out first.

    The first item is the primary one in all files that the tests make.
    """
    parts = split(data)
    before = len(dict(parts)[b"meta"])

    def edit_meta(shift: int) -> bytes:
        inner = split(dict(parts)[b"meta"][4:])
        edited = []
        for kind, content in inner:
            if kind == b"iprp":
                content = _edit_iprp(content, properties, replace)
            if kind == b"iloc":
                content = _shift_iloc(content, shift)
            edited.append((kind, content))
        return dict(parts)[b"meta"][:4] + joined(edited)

    shift = len(edit_meta(0)) - before
    meta = edit_meta(shift)
    return joined([(kind, meta if kind == b"meta" else content) for kind, content in parts])


def _edit_iprp(content: bytes, added: tuple[bytes, ...], removed: tuple[bytes, ...]) -> bytes:
    (_, ipco), (_, ipma) = split(content)[:2]
    kinds = [kind for kind, _ in split(ipco)]
    first_new = len(kinds) + 1
    flags = ipma[:4]
    (entries,) = struct.unpack_from(">I", ipma, 4)
    position, out = 8, flags + struct.pack(">I", entries)
    for entry in range(entries):
        item, number = struct.unpack_from(">HB", ipma, position)
        links = list(ipma[position + 3 : position + 3 + number])
        position += 3 + number
        if entry == 0:
            links = [link for link in links if kinds[(link & 0x7F) - 1] not in removed]
            links += [0x80 | first_new + index for index in range(len(added))]
        out += struct.pack(">HB", item, len(links)) + bytes(links)
    return box(b"ipco", ipco + b"".join(added)) + box(b"ipma", out)


def _shift_iloc(content: bytes, shift: int) -> bytes:
    version = content[0]
    sizes, base = content[4], content[5]
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, base >> 4
    index_size = base & 15 if version in (1, 2) else 0
    assert version < 2
    (count,) = struct.unpack_from(">H", content, 6)
    out, position = bytearray(content), 8
    for _ in range(count):
        method = struct.unpack_from(">H", content, position + 2)[0] & 15 if version else 0
        position += (4 if version else 2) + 2
        base_at = position
        position += base_size
        (extents,) = struct.unpack_from(">H", content, position)
        position += 2
        for _ in range(extents):
            position += index_size
            if method == 0:
                where, width = (base_at, base_size) if base_size else (position, offset_size)
                value = int.from_bytes(content[where : where + width]) + shift
                out[where : where + width] = value.to_bytes(width)
            position += offset_size + length_size
    return bytes(out)


def clean_aperture(width: int, height: int, x: tuple[int, int], y: tuple[int, int]) -> bytes:
    """`clap` (ISO/IEC 14496-12 section 12.1.4): a size, and the offset of its center as two fractions."""
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, *x, *y))


def code_points(primaries: int, transfer: int, matrix: int, full_range: bool = True) -> bytes:
    """`colr` of type nclx, with the numbers of ITU-T H.273."""
    return box(b"colr", b"nclx" + struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7))


def with_jp2_boxes(data: bytes, edit: Callable[[list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]]) -> bytes:
    return joined(edit(split(data)))


def with_jp2_color(data: bytes, color: bytes) -> bytes:
    """A JP2 whose `colr` box has another content."""

    def edit(parts: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        header = [(kind, color if kind == b"colr" else content) for kind, content in split(dict(parts)[b"jp2h"])]
        return [(kind, joined(header) if kind == b"jp2h" else content) for kind, content in parts]

    return with_jp2_boxes(data, edit)
