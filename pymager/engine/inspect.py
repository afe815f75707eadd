"""Verifies an upload: decodes its whole first frame."""

from pathlib import Path

from PIL import Image

from pymager.engine import orient, source
from pymager.engine.jobs import Inspection, PictureLimits

_TINY = (1, 1)


def inspect(path: Path, limits: PictureLimits) -> Inspection:
    """What the picture in a file is, after it was decoded completely.

    A JPEG is decoded in gray at an eighth of its size, which reads every byte. Raises `NotAPicture` for what is not a
    picture of an accepted format, or is damaged or incomplete, and `Undecodable` for what exceeds a limit.
    """
    with source.opened(path, limits, whole=True) as original:
        picture = original.picture
        size = picture.size
        if source.is_jpeg(picture):
            picture.draft("L", _TINY)
            picture.load()
        else:
            picture.load()
            size = picture.size  # some decoders know the size only here
        width, height = _shown(picture, size)
        return Inspection(original.format, width, height)


def _shown(picture: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    return size[::-1] if orient.swaps(orient.orientation(picture)) else size
