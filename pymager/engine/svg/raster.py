"""Draws an SVG with resvg, from the optional package resvg-py."""

from io import BytesIO
from typing import IO, Any, NoReturn

from PIL import Image, ImageFile

from pymager.engine import panics
from pymager.engine.containers.container import Vector
from pymager.engine.svg import fonts, markup
from pymager.errors import NotAPicture, Undecodable

_DPI = 96.0  # CSS Values 4, section 6.2
_TEXT = "<text"


def register() -> None:
    """Make the format known to Pillow by its name. Pillow itself never opens an SVG."""
    Image.register_open("SVG", _open, _is_svg)


def _is_svg(prefix: bytes) -> bool:
    return False


def _open(file: IO[bytes], filename: str | bytes) -> NoReturn:
    raise SyntaxError("an SVG is opened by its container walk")


def draw(vector: Vector, box: tuple[float, float, float, float], size: tuple[int, int]) -> Image.Image:
    """A box (left, top, right and bottom in the vector's pixels) in so many pixels, in RGBA.

    Raises `NotAPicture` if resvg cannot draw it, `Undecodable` if it needs fonts and they cannot be read, and
    `RuntimeError` if it panics.
    """
    from resvg_py import svg_to_bytes

    scale = vector.extent[0] / vector.size[0], vector.extent[1] / vector.size[1]
    left, top, right, bottom = box
    seen = (left * scale[0], top * scale[1], (right - left) * scale[0], (bottom - top) * scale[1])
    text = markup.window(vector.fragment, seen, size)
    options = _font_options(vector.fragment)
    try:
        with panics.as_errors():
            png = svg_to_bytes(svg_string=text, dpi=_DPI, languages=["en"], **options)
    except ValueError as error:
        raise NotAPicture(f"the SVG cannot be drawn: {error}") from error
    with Image.open(BytesIO(png), formats=("PNG",)) as picture:
        _check(picture, size)
        return picture.convert("RGBA")


def _font_options(fragment: str) -> dict[str, Any]:
    """resvg's options for fonts. Raises `Undecodable` if the picture has text and fonts cannot be read."""
    if _TEXT not in fragment:
        return {"skip_system_fonts": True}
    if not fonts.can_be_read():
        raise Undecodable(
            "the SVG has text, which this server cannot draw: its kernel has no Landlock, and PYMAGER_SANDBOX is not "
            "off; convert the text to paths"
        )
    return fonts.options()


def _check(picture: ImageFile.ImageFile, size: tuple[int, int]) -> None:
    if picture.size != size:
        raise RuntimeError(f"resvg drew {picture.size} and not {size}")
