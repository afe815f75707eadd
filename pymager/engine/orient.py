"""The orientation that a camera noted in EXIF."""

from PIL import Image

from pymager.engine.step import StepContext

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(picture: Image.Image) -> int:
    """Which of the eight (EXIF 2.3, tag 0x0112); 1 where there is none or it can't be read.

    Of a TIFF it is known only after loading, since Pillow turns that itself.
    """
    encoded = picture.info.get("exif")
    if not encoded:
        return 1
    try:
        exif = Image.Exif()
        exif.load(encoded)
        value = exif.get(_ORIENTATION)
        return int(value) if value in _TURNS else 1
    except Exception:  # broken EXIF raises nearly everything, and is no reason to refuse the picture
        return 1


def swaps(orientation: int) -> bool:
    """Whether width and height change places."""
    return orientation >= 5


def turn(picture: Image.Image, task: StepContext) -> Image.Image:
    """Turn and mirror the picture as it is to be seen."""
    transpose = _TURNS.get(task.orientation)
    return picture if transpose is None else picture.transpose(transpose)
