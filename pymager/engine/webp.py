"""Still WebP, decoded by Pillow's libwebp directly. Pillow decodes it as an animation of one frame, with copies."""

import ctypes
import re
from functools import cache
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile

_DECODERS = {"RGB": "WebPDecodeRGBInto", "RGBA": "WebPDecodeRGBAInto"}
"""Functions of libwebp's webp/decode.h by Pillow's mode. They return NULL unless they have written all pixels."""
_LIBRARY = re.compile(r"/\S*/libwebp[-.][^/\s]*so[^/\s]*$", re.MULTILINE)


def decode(picture: ImageFile.ImageFile, file: IO[bytes]) -> Image.Image | None:
    """Decode a still picture that Pillow reads from `file`, with its `info`.

    None if it moves, if anything is wrong with it, or if Pillow has no shared library: then Pillow has to decode it.
    """
    libwebp = library()
    if libwebp is None or picture.mode not in _DECODERS or getattr(picture, "n_frames", 1) != 1:
        return None
    file.seek(0)
    encoded = file.read()
    width, height = picture.size
    stride = width * len(picture.mode)
    samples = bytearray(stride * height)
    address = (ctypes.c_char * len(samples)).from_buffer(samples)
    if not getattr(libwebp, _DECODERS[picture.mode])(encoded, len(encoded), address, len(samples), stride):
        return None
    del address, encoded
    if picture.mode == "RGBA":
        decoded = Image.frombuffer("RGBA", picture.size, samples, "raw", "RGBA", 0, 1)  # without a copy
    else:
        decoded = Image.new("RGB", picture.size, None)  # is not filled
        decoded.frombytes(samples)
    decoded.info = picture.info
    return decoded


@cache
def library() -> Any:
    """The libwebp that Pillow has loaded; None if it was linked otherwise."""
    found = _LIBRARY.search(Path("/proc/self/maps").read_text())
    if found is None:
        return None
    libwebp = ctypes.CDLL(found.group())
    for name in _DECODERS.values():
        function = getattr(libwebp, name)
        function.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        function.restype = ctypes.c_void_p
    return libwebp
