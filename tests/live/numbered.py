"""Pictures that carry a number: readable from every size and format that is derived from them."""

from io import BytesIO

from PIL import Image

_FIELDS = 4  # in each direction, black for 0 and white for 1
MOST = 1 << _FIELDS * _FIELDS
_KINDS = (("PNG", (64, 48)), ("JPEG", (160, 120)), ("BMP", (1160, 870)))


def numbered(number: int) -> bytes:
    """The picture of a number below `MOST`: by turns a small PNG, a JPEG, and a BMP with a mezzanine."""
    format, size = _KINDS[number % len(_KINDS)]
    fields = Image.new("L", (_FIELDS, _FIELDS))
    fields.putdata([255 * (number >> bit & 1) for bit in range(_FIELDS * _FIELDS)])
    out = BytesIO()
    fields.resize(size, Image.Resampling.NEAREST).convert("RGB").save(out, format)
    return out.getvalue()


def number_of(picture: Image.Image) -> int:
    """The number that a picture of any size carries; each field is as clear as only a whole picture has it."""
    grey = picture.convert("L")
    width, height = grey.size
    number = 0
    for bit in range(_FIELDS * _FIELDS):
        row, column = divmod(bit, _FIELDS)
        value = grey.getpixel(((2 * column + 1) * width // (2 * _FIELDS), (2 * row + 1) * height // (2 * _FIELDS)))
        assert isinstance(value, int)
        assert not 64 < value < 192, f"field {bit} is neither black nor white but {value}"
        number |= (value >= 192) << bit
    return number
