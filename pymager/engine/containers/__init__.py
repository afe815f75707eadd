"""Reads the containers of picture formats, without decoding: is a file whole, does it hold a picture and no more?

Pillow takes some files that were cut short for whole (a JPEG without its end, a GIF without its second half), and
reserves memory or spends time on some headers before anyone can ask for the size. So the container is walked first.
"""

import struct

from pymager.engine.containers import flat, gif, ico, isobmff, jpeg, png, tiff, webp
from pymager.engine.containers.container import OPAQUE, Container, Data, Walker
from pymager.engine.jobs import PictureLimits

_WALKERS: tuple[tuple[int, bytes, Walker], ...] = (
    (0, b"\xff\xd8\xff", jpeg.walk),
    (0, b"\x89PNG\r\n\x1a\n", png.walk),
    (0, b"GIF8", gif.walk),
    (8, b"WEBP", webp.walk),
    (4, b"ftyp", isobmff.walk),
    (4, b"jP  \r\n\x87\n", isobmff.walk_jp2),
    (0, b"\xff\x4f\xff\x51", isobmff.walk_codestream),
    (0, b"II*\0", tiff.walk),
    (0, b"MM\0*", tiff.walk),
    (0, b"II+\0", tiff.walk),
    (0, b"MM\0+", tiff.walk),
    (0, b"\0\0\1\0", ico.walk),
    (0, b"BM", flat.walk_bmp),
    (0, b"P", flat.walk_ppm),
)


def walk(data: Data, limits: PictureLimits, *, whole: bool = True) -> Container:
    """What the file's container tells; of a format that is not known here, only the decoder can tell.

    Unless `whole`, a file may be left half read where decoding it is safe: then it counts as complete, and not as
    bare. Raises `Undecodable` for what is over a limit.
    """
    for offset, magic, walker in _WALKERS:
        if data[offset : offset + len(magic)] == magic:
            try:
                return walker(data, limits, whole)
            except (struct.error, IndexError):
                return Container(complete=False)
    return OPAQUE
