"""Opens an original: checks its container and its size before any pixel is decoded."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO, FileIO
from typing import IO

from PIL import Image, ImageFile, UnidentifiedImageError

from pymager import formats
from pymager.engine import decoder_errors, plugins
from pymager.engine.containers import jpeg, tiff, walk
from pymager.engine.containers.container import Container, Data
from pymager.engine.jobs import Source
from pymager.engine.limits import PictureLimits, check_frames, check_pixels
from pymager.errors import FrameNotFound, NotAPicture

_FORMATS_WITH_FRAMES = frozenset({"gif", "png", "webp", "avif", "tiff", "fli"})
"""The formats of animations and of pages. Elsewhere, several pictures are previews, sizes, layers or views."""
_MAX_READ_BYTES = 256 << 10
"""A file of up to this size is read at once: to map it, and to read it in parts, would cost more."""


@dataclass(frozen=True, slots=True)
class OpenOriginal:
    """An original that is open and not decoded; `format` is a name in `pymager.formats`, or Pillow's in lower case.

    `picture` is Pillow's, read from `file`; None for an SVG, and for a TIFF that
    `pymager.engine.tiff` decodes. `data` are the bytes of
    the file. `size` is width and height in pixels, before the orientation; some decoders correct it after decoding.
    `frames` counts the frames of an animation and the pages of a TIFF; it is 1 in other formats.
    """

    format: str
    size: tuple[int, int]
    container: Container
    picture: ImageFile.ImageFile | None
    file: IO[bytes]
    data: Data
    frames: int = 1


@contextmanager
def open_original(source: Source, limits: PictureLimits, *, full_walk: bool, page: int = 0) -> Iterator[OpenOriginal]:
    """Open an original. Errors of the decoder inside the `with` block are translated too.

    Without `full_walk`, the container is walked only as far as safe decoding requires. `page` is that of a TIFF; it is
    ignored in other formats. Raises `NotAPicture`, `Undecodable`, `FrameNotFound` and `MemoryError`, and `OSError` only
    if the file itself cannot be opened.
    """
    accepted = plugins.load_decoders(limits.decoders)
    with _contents(source, is_mapped=page > 0) as (file, data), decoder_errors.translating_errors(limits, data):
        if page and isinstance(data, mmap.mmap) and tiff.is_tiff(data):
            if not tiff.with_first(data, page, limits):
                raise frame_not_found(page)
            file = BytesIO(data[:])
        container = walk(data, limits, full_walk=full_walk)
        if container.cut_frames:
            raise decoder_errors.incomplete()
        if container.vector is not None:
            yield OpenOriginal("svg", container.vector.size, container, None, file, data)
            return
        if "TIFF" in accepted and (size := _size_of_own_tiff(data, container)) is not None:
            yield OpenOriginal("tiff", size, container, None, file, data, container.frames)
            return
        read = file if container.repaired is None else BytesIO(container.repaired)
        if data[:2] == jpeg.START and data[-2:] != jpeg.END:
            read = BytesIO(data[:] + jpeg.END)  # without it, the decoder waits for bytes after the last pixel
        with Image.open(read, formats=accepted) as picture:
            check_pixels(picture.size, limits)
            frames, format = container.frames or _frames(picture), format_name(picture)
            check_frames(frames, limits)
            frames = frames if format in _FORMATS_WITH_FRAMES else 1
            yield OpenOriginal(format, picture.size, container, picture, read, data, frames)


def frame_not_found(number: int) -> FrameNotFound:
    """The error for a frame or page beyond the last one."""
    return FrameNotFound(
        f"the original has no frame or page {number}; they are numbered from 0, and /info says how many it has"
    )


def format_name(picture: Image.Image) -> str:
    """The format's name in `pymager.formats`; if it has no row, Pillow's name in lower case."""
    decoder = picture.format or ""
    row = formats.BY_DECODER.get(decoder)
    return row.name if row else decoder.lower()


def _size_of_own_tiff(data: Data, container: Container) -> tuple[int, int] | None:
    """Width and height of a TIFF that Pillow does not read correctly; None for all other files."""
    if not tiff.is_tiff(data):
        return None
    if container.directory is None:
        raise UnidentifiedImageError("the first directory is broken")
    tags, _ = container.directory
    if tiff.is_read_by_pillow(tags, len(data)):
        return None
    size = tags[tiff.WIDTH][0], tags[tiff.HEIGHT][0]
    if 0 in size:
        raise UnidentifiedImageError("the picture has no pixels")
    return size


def _frames(picture: ImageFile.ImageFile) -> int:
    """The decoder's count of frames. Use it only if the container was not walked: it can take quadratic time."""
    return int(getattr(picture, "n_frames", 1)) if getattr(picture, "is_animated", False) else 1


@contextmanager
def open_source(source: Source) -> Iterator[FileIO]:
    """Open a file, or read an open one from its start. Raises `OSError`, whose `filename` is the source."""
    if isinstance(source, int):
        with FileIO(source, closefd=False) as file:
            file.seek(0)
            yield file
    else:
        with FileIO(source) as file:
            yield file


@contextmanager
def _contents(source: Source, *, is_mapped: bool) -> Iterator[tuple[IO[bytes], Data]]:
    """The open file, and its bytes. With `is_mapped`, they can be changed; the file stays as it is.

    Raises `NotAPicture` for an empty file.
    """
    with open_source(source) as raw:
        size = os.fstat(raw.fileno()).st_size
        if not size:
            raise NotAPicture("the body is empty; send the bytes of a picture")
        if size <= _MAX_READ_BYTES and not is_mapped:
            content = raw.readall()
            yield BytesIO(content), content
            return
        with BufferedReader(raw) as file, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_COPY) as data:
            yield file, data
