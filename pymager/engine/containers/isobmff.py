"""AVIF, HEIC and JPEG 2000: boxes (ISO/IEC 14496-12 section 4.2, ISO/IEC 15444-1 annexes A and I)."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from struct import error as struct_error
from struct import unpack_from

from pymager.engine import colorspace
from pymager.engine.colorspace import ColorSpace
from pymager.engine.containers.container import Box, Container, Data
from pymager.engine.limits import PictureLimits, check_parts

_MAX_BOXES = 10_000
_MAX_ITEMS = 1_000
"""Decoders take time for each item before they know whether it is shown, and square time for some.

A picture of 100 megapixels in the usual tiles of 512x512 has 382 items, and a few more for metadata.
"""
_MAX_REFERENCES = 2_000
_PICTURE_BOXES = frozenset({b"ftyp", b"meta", b"mdat"})
_METADATA_NAMES = (
    b"Exif",
    b"mime",
    b"uri ",
    b"xml ",
    b"prof",
    b"rICC",
    b"irot",
    b"imir",
    b"udta",
    b"clap",
    b"uuid",
)
"""Names of metadata, profiles, rotation, mirroring and cropping inside of a meta box."""
_MAX_PROFILE_BYTES = 4 << 20
_SRGB = 13
_VIDEO_TRANSFERS = frozenset({1, 6, 14, 15})
"""The transfer functions of BT.601, BT.709 and BT.2020: for still pictures, browsers take them for sRGB's."""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the top-level boxes of AVIF or HEIC. It is picture-only if no name of metadata occurs in its meta box."""
    last, meta, kinds = 0, b"", set[bytes]()
    for kind, start, end in boxes(data):
        if kind == b"meta":
            meta = data[start:end]
            _check_items(meta)
        kinds.add(kind)
        last = end
    properties = _properties(meta)
    has_metadata = any(name in meta for name in _METADATA_NAMES)
    picture_only = kinds <= _PICTURE_BOXES and last == len(data) and not has_metadata and not properties.color
    frames = 0 if b"moov" in kinds else 1
    return Container(picture_only, frames, color=properties.color, crop=properties.crop)


def walk_jp2(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the boxes of a JP2 file. Boxes of other kinds are skipped, as annex I says."""
    color: bytes | None = None
    for kind, start, end in boxes(data):
        if kind == b"jp2h":
            color = _jp2_profile(data[start:end])
    return Container(color=color)


def walk_codestream(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A codestream alone: there is nothing to walk."""
    return Container()


def _check_items(meta: bytes) -> None:
    """Check how many items a file has, such as the tiles of a grid, and how many references lead to them.

    A box that ends too early is left to the decoder. Raises `Undecodable`.
    """
    references = 0
    for kind, start, end in boxes(meta, 4):
        with suppress(struct_error, IndexError):
            if kind in (b"iinf", b"iloc"):
                check_parts(_number_of_items(meta, kind, start), _MAX_ITEMS, "items")
            elif kind == b"iref":
                references += _number_of_references(meta, start, end)
                check_parts(references, _MAX_REFERENCES, "references between items")


def _number_of_items(meta: bytes, kind: bytes, start: int) -> int:
    """What an item information box or an item location box says (ISO/IEC 14496-12 sections 8.11.6 and 8.11.3)."""
    version, position = meta[start], start + (4 if kind == b"iinf" else 6)
    is_wide = version > (0 if kind == b"iinf" else 1)
    (count,) = unpack_from(">I" if is_wide else ">H", meta, position)
    return int(count)


def _number_of_references(meta: bytes, start: int, end: int) -> int:
    """How many items an item reference box refers to (ISO/IEC 14496-12 section 8.11.12)."""
    id_bytes = 4 if meta[start] else 2
    return sum(
        int.from_bytes(meta[first + id_bytes : first + id_bytes + 2]) for _, first, _ in boxes(meta, start + 4, end)
    )


def _jp2_profile(header: bytes) -> bytes | None:
    """The ICC profile of a JP2 header (section I.5.3.3: method 2, or 3 in JPX)."""
    for kind, start, end in boxes(header):
        if kind == b"colr" and header[start] in (2, 3) and end - start <= _MAX_PROFILE_BYTES:
            return header[start + 3 : end]
    return None


@dataclass(slots=True)
class _Properties:
    """What the properties of the primary item say."""

    color: ColorSpace | bytes | None = None
    crop: Box | None = None
    kinds: list[tuple[bytes, bytes]] = field(default_factory=list)


def _properties(meta: bytes) -> _Properties:
    """Read the properties of the primary item (ISO/IEC 23008-12 section 9.3). A broken meta box gives none."""
    found = _Properties()
    try:
        outer = {kind: meta[start:end] for kind, start, end in boxes(meta, 4)}
        (primary,) = unpack_from(">H" if outer[b"pitm"][0] == 0 else ">I", outer[b"pitm"], 4)
        inner = {kind: outer[b"iprp"][start:end] for kind, start, end in boxes(outer[b"iprp"])}
        all_properties = [(kind, inner[b"ipco"][start:end]) for kind, start, end in boxes(inner[b"ipco"])]
        for index in _associations(inner[b"ipma"], primary):
            if 0 < index <= len(all_properties):
                found.kinds.append(all_properties[index - 1])
        _read(found)
    except (struct_error, IndexError, KeyError):
        pass
    return found


def _associations(ipma: bytes, item: int) -> list[int]:
    """The numbers of an item's properties, from 1 on."""
    version, wide = ipma[0], ipma[3] & 1
    (entries,) = unpack_from(">I", ipma, 4)
    check_parts(entries, _MAX_BOXES, "items with properties")
    position = 8
    for _ in range(entries):
        (id,) = unpack_from(">I" if version else ">H", ipma, position)
        position += 4 if version else 2
        count = ipma[position]
        position += 1
        size = 2 if wide else 1
        if id == item:
            numbers = (int.from_bytes(ipma[position + size * n : position + size * (n + 1)]) for n in range(count))
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
        position += size * count
    return []


def _read(found: _Properties) -> None:
    size = (0, 0)
    numbers: ColorSpace | None = None
    for kind, content in found.kinds:
        if kind == b"ispe":
            size = unpack_from(">II", content, 4)
        elif kind == b"colr" and content[:4] in (b"prof", b"rICC"):
            found.color = content[4:] if len(content) <= _MAX_PROFILE_BYTES else None
        elif kind == b"colr" and content[:4] == b"nclx":
            primaries, transfer = unpack_from(">HH", content, 4)
            numbers = colorspace.by_code_points(primaries, _SRGB if transfer in _VIDEO_TRANSFERS else transfer)
        elif kind == b"clap":
            found.crop = _clean_aperture(content, size)
    found.color = found.color or numbers


def _clean_aperture(content: bytes, size: tuple[int, int]) -> Box | None:
    """The rectangle of a `clap` property (ISO/IEC 14496-12 section 12.1.4); None if it is not within the picture."""
    values = unpack_from(">IIIIiIiI", content)
    if 0 in values[1::2] or 0 in size:
        return None
    width, height, x, y = (top / bottom for top, bottom in zip(values[::2], values[1::2], strict=True))
    left, top = (size[0] - width) / 2 + x, (size[1] - height) / 2 + y
    box = (round(left), round(top), round(left + width), round(top + height))
    inside = 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]
    return box if inside and box != (0, 0, *size) else None


def boxes(data: Data, position: int = 0, limit: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Each box from a position on: its type, and the start and the end of its content. The end can be beyond the data.

    With `limit`, only boxes that begin before this position.

    Stops at bytes that cannot be a box: bytes after the end of a picture are harmless.
    """
    count, limit = 0, len(data) if limit is None else min(limit, len(data))
    while position + 8 <= limit:
        size, kind = unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            (size,) = unpack_from(">Q", data, start)
            start += 8
        end = position + size if size else limit
        if end < start or not kind.isascii():
            return
        yield kind, start, end
        count += 1
        check_parts(count, _MAX_BOXES, "boxes")
        position = end
