"""AVIF, HEIC and JPEG 2000: boxes (ISO/IEC 14496-12 section 4.2, ISO/IEC 15444-1 annexes A and I)."""

from collections.abc import Iterator
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_parts

_MAX_BOXES = 10_000
_KNOWN_BOXES = frozenset(
    name.ljust(4).encode()
    for names in ("ftyp styp pdin meta moov moof mfra sidx mdat free skip wide uuid", "jP jp2h jp2c jp2i xml uinf rreq")
    for name in names.split()
)
_PICTURE_BOXES = frozenset({b"ftyp", b"meta", b"mdat"})
_DESCRIPTION_BOXES = frozenset({b"meta", b"moov"})
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
_END_OF_CODESTREAM = b"\xff\xd9"


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the top-level boxes of AVIF or HEIC. It is picture-only if no name of metadata occurs in its meta box."""
    complete, last, meta, kinds = True, 0, b"", set[bytes]()
    for kind, start, end in _boxes(data):
        complete = complete and end <= len(data)
        meta = data[start:end] if kind == b"meta" else meta
        kinds.add(kind)
        last = end
    complete = complete and (b"mdat" in kinds or b"idat" in meta) and bool(kinds & _DESCRIPTION_BOXES)
    has_metadata = any(name in meta for name in _METADATA_NAMES)
    picture_only = kinds <= _PICTURE_BOXES and last == len(data) and not has_metadata
    return Container(complete, picture_only, frames=0 if b"moov" in kinds else 1)


def walk_jp2(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the boxes of a JP2 file. Its codestream must end with EOC."""
    complete, has_end = True, False
    for kind, start, end in _boxes(data):
        complete = complete and end <= len(data)
        if kind == b"jp2c":
            has_end = data.rfind(_END_OF_CODESTREAM, start, end) >= 0
    return Container(complete and has_end)


def walk_codestream(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Look for EOC: inside of its packets a codestream has no marker above FF 8F."""
    return Container(data.rfind(_END_OF_CODESTREAM) >= 0)


def _boxes(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Each top-level box: its type, and the start and the end of its content. The end can be beyond the file.

    Stops at bytes that are not a box: bytes after the end of a picture are harmless.
    """
    position, count = 0, 0
    while position + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            (size,) = unpack_from(">Q", data, start)
            start += 8
        end = position + size if size else len(data)
        if kind not in _KNOWN_BOXES or end < start:
            return
        yield kind, start, end
        count += 1
        check_parts(count, _MAX_BOXES, "boxes")
        position = end
