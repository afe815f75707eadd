"""The copyright in EXIF and TIFF (EXIF 2.32 section 4.6.5; TIFF 6.0 sections 2 and 8)."""

from struct import calcsize, pack, unpack_from
from struct import error as struct_error

from pymager.engine.containers.container import Data
from pymager.engine.metadata.fields import NO_COPYRIGHT, Copyright, decoded

ARTIST, COPYRIGHT, XMP, IPTC = 315, 33_432, 700, 33_723
_PREFIX = b"Exif\0\0"
_ASCII = 2
_TYPE_BYTES = {1: 1, 2: 1, 4: 4, 7: 1}
_MAX_ENTRIES = 1_000
_MAX_BYTES = 1 << 20


def read(data: Data | None) -> Copyright:
    """The fields `Artist` and `Copyright`."""
    if data is None:
        return NO_COPYRIGHT
    found = tags(data, (ARTIST, COPYRIGHT))
    # Two zero-terminated texts: the photographer's copyright, and the editor's.
    notices = [decoded(part).strip() for part in found.get(COPYRIGHT, b"").split(b"\0")]
    artist = decoded(found.get(ARTIST, b"").partition(b"\0")[0])
    return Copyright.of(artist, "; ".join(filter(None, notices)))


def tags(data: Data, wanted: tuple[int, ...]) -> dict[int, bytes]:
    """The values of tags of the first directory, as they are stored; without those that are broken or too long."""
    try:
        return _tags(data, wanted)
    except (struct_error, IndexError, OverflowError):
        return {}


def _tags(data: Data, wanted: tuple[int, ...]) -> dict[int, bytes]:
    start = len(_PREFIX) if data[: len(_PREFIX)] == _PREFIX else 0
    order = {b"II": "<", b"MM": ">"}.get(data[start : start + 2], "")
    big = data[start + 2 : start + 4] in (b"+\0", b"\0+")
    offset_code, count_code, entry_bytes = ("Q", "Q", 20) if big else ("I", "H", 12)
    if not order:
        return {}
    (position,) = unpack_from(order + offset_code, data, start + (8 if big else 4))
    position += start
    (count,) = unpack_from(order + count_code, data, position)
    position += calcsize(order + count_code)
    found = {}
    for entry in range(position, position + min(count, _MAX_ENTRIES) * entry_bytes, entry_bytes):
        tag, type, length = unpack_from(f"{order}HH{offset_code}", data, entry)
        if tag not in wanted or type not in _TYPE_BYTES:
            continue
        length *= _TYPE_BYTES[type]
        where = entry + 4 + calcsize(order + offset_code)
        if length > calcsize(order + offset_code):
            where = start + unpack_from(order + offset_code, data, where)[0]
        if length <= _MAX_BYTES and where + length <= len(data):
            found[tag] = data[where : where + length]
    return found


def written(copyright: Copyright) -> bytes:
    """EXIF that holds nothing else. Empty if there is nothing to write.

    Texts are in UTF-8 where ASCII is specified, as other programs write them.
    """
    texts = {ARTIST: "; ".join(copyright.creators), COPYRIGHT: copyright.rights}
    values = {tag: text.encode() + b"\0" for tag, text in texts.items() if text}
    if not values:
        return b""
    directory, rest = pack(">H", len(values)), b""
    start = 8 + len(directory) + 12 * len(values) + 4
    for tag, value in values.items():
        place = value.ljust(4, b"\0") if len(value) <= 4 else pack(">I", start + len(rest))
        directory += pack(">HHI", tag, _ASCII, len(value)) + place
        rest += b"" if len(value) <= 4 else value + bytes(len(value) & 1)
    return b"MM\0*" + pack(">I", 8) + directory + bytes(4) + rest
