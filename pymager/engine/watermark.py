"""Draws an overlay on a picture: its size and place in exact integers, and the blending."""

from fractions import Fraction

from PIL import Image

from pymager.engine.containers.container import Box

_MARGIN_DIVISOR = 4
"""The margin takes at most this part of the shorter side, so that at least half of it is left."""


def placement(output: tuple[int, int], overlay: tuple[int, int], gravity: str, scale: float, margin: int) -> Box:
    """Left, top, right and bottom of an overlay in a picture, in pixels; always inside of it.

    The overlay's longer side gets `scale` of the picture's shorter side, and the overlay keeps its proportions. It is
    smaller if it would come closer than `margin` to an edge. A margin of more than a quarter of the shorter side is
    reduced to that. `scale` counts as the decimal number that it is written as. Numbers are rounded half up; a pixel
    that is left over between two sides goes to the right and to the bottom.
    """
    margin = min(margin, min(output) // _MARGIN_DIVISOR)
    room = output[0] - 2 * margin, output[1] - 2 * margin
    factor = min(
        Fraction(str(scale)) * min(output) / max(overlay), Fraction(room[0], overlay[0]), Fraction(room[1], overlay[1])
    )
    width, height = (max(1, int(side * factor + Fraction(1, 2))) for side in overlay)
    left = _start(output[0], width, margin, _alignment(gravity, "west", "east"))
    top = _start(output[1], height, margin, _alignment(gravity, "north", "south"))
    return left, top, left + width, top + height


def _alignment(gravity: str, start: str, end: str) -> int:
    """0 at the start of an axis, 1 in its middle, 2 at its end."""
    return 0 if start in gravity else 2 if end in gravity else 1


def _start(side: int, size: int, margin: int, alignment: int) -> int:
    return (margin, (side - size) // 2, side - margin - size)[alignment]


def with_opacity(overlay: Image.Image, opacity: float) -> Image.Image:
    """An RGBA picture whose alpha is that of the overlay, an L, RGB or RGBA picture, times the opacity, 0 to 1."""
    overlay = overlay.convert("RGBA")
    if opacity < 1:
        overlay.putalpha(overlay.getchannel("A").point([int(level * opacity + 0.5) for level in range(256)]))
    return overlay


def draw(picture: Image.Image, overlay: Image.Image, corner: tuple[int, int]) -> Image.Image:
    """The picture with the overlay over it (Porter and Duff's "over", on encoded values), at its upper left corner.

    `picture` is in L, RGB or RGBA, and `overlay` in RGBA. L becomes RGB, unless the overlay is gray too.
    """
    if picture.mode == "RGBA":
        drawn = picture.copy()
        drawn.alpha_composite(overlay, corner)
        return drawn
    drawn = picture.convert("RGB") if picture.mode == "L" and not _is_gray(overlay) else picture.copy()
    drawn.paste(overlay.convert(drawn.mode), corner, overlay.getchannel("A"))
    return drawn


def _is_gray(overlay: Image.Image) -> bool:
    red, green, blue, _ = overlay.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()
