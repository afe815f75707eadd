"""Writes animations in every format that can have them."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

from PIL import Image

from pymager.engine import plugins
from pymager.engine.animation import write_avif, write_gif, write_png, write_webp
from pymager.engine.animation.movie import Frame, Movie

_WRITERS: dict[str, Callable[[Movie], bytes]] = {
    "gif": write_gif.write,
    "png": write_png.write,
    "webp": write_webp.write,
    "avif": write_avif.write,
}
"""The writers by name in `pymager.formats`."""


def write(
    format: str,
    pictures: Iterator[Image.Image],
    milliseconds: Iterable[Fraction],
    plays: int,
    *,
    stays_opaque: bool,
    options: dict[str, Any],
    first_options: dict[str, Any] | None = None,
) -> bytes:
    """Encode the pictures, in L, RGB or RGBA, one at a time.

    `options` are those of Pillow's `Image.save`; `first_options` replace them for the first picture, and can have
    metadata, which then is that of the file.

    There is at least one picture, and all have the same size. Their `info` must be empty: Pillow would write its
    content into the file. `plays` is how often the animation plays; 0 is without end. `stays_opaque` says that all
    pictures are opaque if the first one is.
    """
    plugins.load_encoder(format)
    first = next(pictures)
    mode = "RGB" if stays_opaque and first.mode != "RGBA" else "RGBA"
    frames = (
        Frame(picture if picture.mode == mode else picture.convert(mode), time)
        for picture, time in zip(chain([first], pictures), milliseconds, strict=True)
    )
    return _WRITERS[format](Movie(first.size, plays, mode, frames, options, first_options or options))
