"""Verifies an upload: decodes its first frame completely."""

from pathlib import Path

from PIL import Image

from pymager.engine import orient
from pymager.engine.jobs import Inspection
from pymager.engine.limits import PictureLimits
from pymager.engine.original import is_jpeg, open_original

_SMALLEST_SIZE = (1, 1)


def inspect(path: Path, limits: PictureLimits) -> Inspection:
    """Decode the picture in a file, and say what it is.

    A JPEG is decoded in gray at an eighth of its size: that reads every byte. Raises `NotAPicture` if the file is not
    a picture of an accepted format, or is damaged or incomplete; `Undecodable` if it exceeds a limit; `MemoryError`.
    """
    with open_original(path, limits, full_walk=True) as original:
        picture = original.picture
        size = picture.size
        if is_jpeg(picture):
            picture.draft("L", _SMALLEST_SIZE)
            picture.load()
        else:
            picture.load()
            size = picture.size  # some decoders know the size only after loading
        width, height = _upright(picture, size)
        return Inspection(original.format, width, height)


def _upright(picture: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    return size[::-1] if orient.swaps_sides(orient.read_orientation(picture)) else size
