"""The EXIF orientation, which cameras write."""

from PIL import Image

from pymager.engine.step import StepContext

_ORIENTATION_TAG = 0x0112
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_in(encoded: bytes | None) -> int:
    """The orientation in EXIF data, 1 to 8 (EXIF 2.3, tag 0x0112); 1 if it is missing or cannot be read."""
    if not encoded:
        return 1
    try:
        exif = Image.Exif()
        exif.load(encoded)
        value = exif.get(_ORIENTATION_TAG)
        return int(value) if value in _TRANSPOSITIONS else 1
    except Exception:  # broken EXIF raises almost anything, and is no reason to refuse the picture
        return 1


def turn(picture: Image.Image, context: StepContext) -> Image.Image:
    """Rotate and mirror the picture so that it is upright, and then as the variant's options say."""
    for turn in context.turns:
        picture = picture.transpose(_TRANSPOSITIONS[turn])
    return picture
