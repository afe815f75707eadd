"""Opens an original: checks its container and its size before any pixel is decoded."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from PIL import Image, ImageFile

from pymager import formats
from pymager.engine import decoder_errors, plugins
from pymager.engine.containers import walk
from pymager.engine.containers.container import Container
from pymager.engine.limits import PictureLimits, check_frames, check_pixels
from pymager.errors import NotAPicture


@dataclass(frozen=True, slots=True)
class OpenOriginal:
    """An original that is open and not decoded; `format` is a name in `pymager.formats`, or Pillow's in lower case."""

    picture: ImageFile.ImageFile
    format: str
    container: Container


@contextmanager
def open_original(path: Path, limits: PictureLimits, *, full_walk: bool) -> Iterator[OpenOriginal]:
    """Open an original. Errors of the decoder inside the `with` block are translated too.

    Without `full_walk`, the container is walked only as far as safe decoding requires. Raises `NotAPicture`,
    `Undecodable` and `MemoryError`, and `OSError` only if the file itself cannot be opened.
    """
    accepted = plugins.load_decoders(limits.decoders)
    with path.open("rb") as file, decoder_errors.translating_errors(limits):
        container = _walk(file, limits, full_walk)
        if not container.complete:
            raise decoder_errors.incomplete()
        with Image.open(file, formats=accepted) as picture:
            check_pixels(picture.size, limits)
            check_frames(container.frames or _frames(picture), limits)
            yield OpenOriginal(picture, format_name(picture), container)


def is_jpeg(picture: Image.Image) -> bool:
    """Whether the picture can be decoded at a fraction of its size."""
    return picture.format in ("JPEG", "MPO")


def format_name(picture: Image.Image) -> str:
    """The format's name in `pymager.formats`; if it has no row, Pillow's name in lower case."""
    decoder = picture.format or ""
    row = formats.BY_DECODER.get(decoder)
    return row.name if row else decoder.lower()


def _frames(picture: ImageFile.ImageFile) -> int:
    """The decoder's count of frames. Use it only if the container was not walked: it can take quadratic time."""
    return int(getattr(picture, "n_frames", 1)) if getattr(picture, "is_animated", False) else 1


def _walk(file: BufferedReader, limits: PictureLimits, full_walk: bool) -> Container:
    try:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # raised for an empty file
        raise NotAPicture("the body is empty; send the bytes of a picture") from error
    with data:
        return walk(data, limits, full_walk=full_walk)
