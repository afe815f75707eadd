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
from pymager.engine.jobs import PictureLimits
from pymager.engine.limits import check_frames, check_pixels
from pymager.errors import NotAPicture


@dataclass(frozen=True, slots=True)
class Source:
    """An original that is open and not decoded yet; `format` is a name in `pymager.formats`, or Pillow's own."""

    picture: ImageFile.ImageFile
    format: str
    container: Container


@contextmanager
def opened(path: Path, limits: PictureLimits, *, whole: bool) -> Iterator[Source]:
    """Open an original; exceptions of the decoder inside the block are translated too.

    Without `whole`, the container is walked only as far as is needed to decode it safely. Raises `NotAPicture` and
    `Undecodable`; `OSError` only if the file itself cannot be opened.
    """
    accepted = plugins.decoders(limits.decoders)
    with path.open("rb") as file, decoder_errors.translated(limits):
        container = _walk(file, limits, whole)
        if not container.complete:
            raise decoder_errors.incomplete()
        with Image.open(file, formats=accepted) as picture:
            check_pixels(picture.size, limits)
            check_frames(container.frames or _frames(picture), limits)
            yield Source(picture, name(picture), container)


def is_jpeg(picture: Image.Image) -> bool:
    """Whether the picture can be decoded at a fraction of its size."""
    return picture.format in ("JPEG", "MPO")


def name(picture: Image.Image) -> str:
    """The format's name in `pymager.formats`; else Pillow's, in lower case."""
    decoder = picture.format or ""
    known = formats.BY_DECODER.get(decoder)
    return known.name if known else decoder.lower()


def _frames(picture: ImageFile.ImageFile) -> int:
    """The decoder's number of frames. Only for formats that are not walked: it takes quadratic time on some."""
    return int(getattr(picture, "n_frames", 1)) if getattr(picture, "is_animated", False) else 1


def _walk(file: BufferedReader, limits: PictureLimits, whole: bool) -> Container:
    try:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # an empty file
        raise NotAPicture("the body is empty; send the bytes of a picture") from error
    with data:
        return walk(data, limits, whole=whole)
