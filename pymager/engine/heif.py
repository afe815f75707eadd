"""The HEIF decoder, from the optional package pi-heif."""

from typing import IO

from PIL import Image, ImageFile

_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))
"""The brands of ISO/IEC 23008-12 that announce HEVC, or may do so."""


def register() -> None:
    """Register the decoder with Pillow. The first HEIF file imports pi-heif."""
    Image.register_open("HEIF", _open, _is_heif)


def _is_heif(prefix: bytes) -> bool:
    return prefix[4:8] == b"ftyp" and prefix[8:12] in _BRANDS


def _open(file: IO[bytes], filename: str | bytes) -> ImageFile.ImageFile:
    from pi_heif import options
    from pi_heif.as_plugin import HeifImageFile

    options.THUMBNAILS, options.DECODE_THREADS = False, 1
    picture: ImageFile.ImageFile = HeifImageFile(file, filename)
    return picture
