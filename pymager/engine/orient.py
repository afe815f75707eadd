"""The orientation that a camera has stored in EXIF."""

from PIL import Image

from pymager.engine.step import StepContext

_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation(picture: Image.Image) -> int:
    """The orientation, 1 to 8 (EXIF 2.3, tag 0x0112); 1 if there is none, or it cannot be read.

    For a TIFF it is known only after loading, because Pillow applies it itself.
    """
    encoded = picture.info.get("exif")
    if not encoded:
        return 1
    try:
        exif = Image.Exif()
        exif.load(encoded)
        value = exif.get(_ORIENTATION_TAG)
        return int(value) if value in _TRANSPOSE else 1
    except Exception:  # broken EXIF raises almost everything, and is no reason to refuse the picture
        return 1


def swaps(orientation: int) -> bool:
    """Whether width and height are swapped."""
    return orientation >= 5


def turn(picture: Image.Image, context: StepContext) -> Image.Image:
    """Rotate and mirror the picture so that it is upright."""
    transpose = _TRANSPOSE.get(context.orientation)
    return picture if transpose is None else picture.transpose(transpose)
