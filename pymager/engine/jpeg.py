"""Gives Pillow's JPEG encoder the buffer that it needs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from PIL import ImageFile

_BLOCK = 16  # the largest unit is 16x16 pixels
_MAX_BYTES_PER_PIXEL = {"4:2:0": 3, "4:4:4": 6}  # as tj3JPEGBufSize() of libjpeg-turbo computes them
_MAX_HEADER_BYTES = 2048 + 2 * 65_536  # with EXIF and XMP, which have at most 65,533 bytes each


@contextmanager
def buffer_for(size: tuple[int, int], options: Mapping[str, Any]) -> Iterator[None]:
    """Let Pillow write a picture of this width and height with these options.

    With optimized Huffman tables and in scans, libjpeg writes the whole file into one buffer. Pillow allocates one byte
    per pixel for it, and fails with `OSError` if the file is larger, which noise with fine colors is.
    """
    if not (options.get("optimize") or options.get("progressive")):
        yield
        return
    before = ImageFile.MAXBLOCK
    ImageFile.MAXBLOCK = max(before, _max_file_bytes(size, options.get("subsampling", "4:2:0")))
    try:
        yield
    finally:
        ImageFile.MAXBLOCK = before


def _max_file_bytes(size: tuple[int, int], subsampling: str) -> int:
    width, height = (-(-side // _BLOCK) * _BLOCK for side in size)
    return width * height * _MAX_BYTES_PER_PIXEL[subsampling] + _MAX_HEADER_BYTES
