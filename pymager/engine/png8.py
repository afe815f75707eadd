"""PNG of 8 bits per channel: large ones are decoded by the Rust crate png, which Chromium uses too."""

from struct import unpack_from
from typing import IO

from PIL import Image, ImageFile

from pymager.engine import panics

_MODES = {"L": "mono", "P": "mono", "RGB": "rgb", "RGBA": "rgba"}
"""kornia-rs's names for Pillow's modes. It has none for gray with alpha."""
_HEADER_BYTES = 33  # the signature and IHDR (PNG specification, third edition, section 11.2.1)
_DEPTH_OFFSET = 24
_MIN_PIXELS = 1 << 18
"""Below that, too little is gained for the import of numpy, which takes 70 ms and 8 MB in each worker process."""
_MARGIN_BYTES = 16 << 20
"""What the decoder needs besides the samples, and more than that."""
_MAX_PIXELS = 24_000_000
"""Larger pictures need too much memory for a moment: their file is read, and Pillow copies the samples of RGB."""


def load(picture: ImageFile.ImageFile, file: IO[bytes]) -> bool:
    """Decode a picture that is not loaded and that Pillow reads from `file`. Then it has all pixels.

    False if it is of a kind that is not decoded here, or if anything is wrong with it: Pillow has to judge it.
    """
    pixels = picture.size[0] * picture.size[1]
    if not picture.tile or picture.mode not in _MODES or not _MIN_PIXELS <= pixels <= _MAX_PIXELS:
        return False
    try:
        loaded = _decoded(file, picture)
    except (MemoryError, ImportError):  # Pillow needs less; to import numpy needs memory too
        return False
    if loaded is None:
        return False
    _give(picture, loaded)
    return True


def _decoded(file: IO[bytes], picture: ImageFile.ImageFile) -> Image.Image | None:
    encoded = _readable(file)
    if encoded is None:
        return None
    import numpy as np
    from kornia_rs.io import decode_image_png_u8

    width, height = picture.size
    np.empty(width * height * len(picture.mode) + _MARGIN_BYTES, np.uint8)  # kornia-rs hangs if memory is lacking
    try:
        with panics.as_errors():
            samples = decode_image_png_u8(encoded, (height, width), _MODES[picture.mode])
    except MemoryError:
        raise
    except Exception:  # kornia-rs raises only this
        return None
    del encoded
    if picture.mode != "RGB":
        return Image.frombuffer(picture.mode, picture.size, samples, "raw", picture.mode, 0, 1)  # without a copy
    loaded = Image.new("RGB", picture.size, None)  # is not filled
    loaded.frombytes(samples)
    return loaded


def _readable(file: IO[bytes]) -> bytes | None:
    """The file, if its samples have 8 bits. None for an animation: its first frame could cover less than its canvas."""
    file.seek(0)
    encoded = file.read()
    if len(encoded) < _HEADER_BYTES or encoded[_DEPTH_OFFSET] != 8:
        return None
    position, kind = _HEADER_BYTES, b""
    while kind != b"IDAT":
        if position + 8 > len(encoded) or kind in (b"acTL", b"fcTL"):
            return None
        length, kind = unpack_from(">I4s", encoded, position)
        position += length + 12
    return encoded


def _give(picture: ImageFile.ImageFile, loaded: Image.Image) -> None:
    """Do what Pillow does when it loads a picture, but with these pixels. Also reads the chunks after the pixels."""
    assert picture.fp is not None
    picture.fp.seek(picture.tile[0].offset)
    picture.im, picture.readonly, picture.tile = loaded.im, loaded.readonly, []
    picture.load_prepare()
    picture.load_end()
    picture.fp = None
    picture.load()
