"""AVIF, HEIC and JPEG 2000: boxes (ISO/IEC 14496-12 section 4.2, ISO/IEC 15444-1 annexes A and I)."""

from collections.abc import Iterator
from struct import unpack_from

from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_parts

_BOXES = 10_000
_KNOWN = frozenset(
    name.ljust(4).encode()
    for names in ("ftyp styp pdin meta moov moof mfra sidx mdat free skip wide uuid", "jP jp2h jp2c jp2i xml uinf rreq")
    for name in names.split()
)
_PICTURE = frozenset({b"ftyp", b"meta", b"mdat"})
_DESCRIPTIONS = frozenset({b"meta", b"moov"})
_EXTRAS = (b"Exif", b"mime", b"uri ", b"xml ", b"prof", b"rICC", b"irot", b"imir", b"udta", b"clap", b"uuid")
_END_OF_CODESTREAM = b"\xff\xd9"


def walk(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk the top boxes of AVIF or HEIC; it is bare where the names of metadata and of turns occur nowhere in meta."""
    complete, last, meta, kinds = True, 0, b"", set[bytes]()
    for kind, start, end in _boxes(data):
        complete = complete and end <= len(data)
        meta = data[start:end] if kind == b"meta" else meta
        kinds.add(kind)
        last = end
    complete = complete and (b"mdat" in kinds or b"idat" in meta)
    bare = kinds <= _PICTURE and last == len(data) and not any(name in meta for name in _EXTRAS)
    return Container(complete and bool(kinds & _DESCRIPTIONS), bare, frames=0 if b"moov" in kinds else 1)


def walk_jp2(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Walk the boxes of a JP2 file; its codestream has to end in EOC."""
    complete, found = True, False
    for kind, start, end in _boxes(data):
        complete = complete and end <= len(data)
        if kind == b"jp2c":
            found = data.rfind(_END_OF_CODESTREAM, start, end) >= 0
    return Container(complete and found)


def walk_codestream(data: Data, limits: PictureLimits, whole: bool) -> Container:
    """Look for EOC: a codestream has no marker above FF 8F within its packets."""
    return Container(data.rfind(_END_OF_CODESTREAM) >= 0)


def _boxes(data: Data) -> Iterator[tuple[bytes, int, int]]:
    """Every top box: its type, and where its content starts and ends, if need be beyond the file.

    The walk ends where what follows is no box: bytes after a picture's end do it no harm.
    """
    position, count = 0, 0
    while position + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            (size,) = unpack_from(">Q", data, start)
            start += 8
        end = position + size if size else len(data)
        if kind not in _KNOWN or end < start:
            return
        yield kind, start, end
        count += 1
        check_parts(count, _BOXES)
        position = end
