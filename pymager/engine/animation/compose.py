"""Draws the parts of an animation onto a canvas, as browsers do."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

from PIL import Image

from pymager.engine import alpha, depth
from pymager.engine.animation.parts import Disposal, Part, Parts
from pymager.engine.containers.container import Box
from pymager.engine.decode import Decoded

_CLEAR = (0, 0, 0, 0)


def frames(animation: Parts, decoded: Callable[[Part], Decoded], first: int = 0) -> Iterator[Decoded]:
    """The complete frames from the frame `first` on, in RGB or RGBA; each is the caller's own.

    The canvas is transparent at first, whatever the file says about a background. What a part has outside of the canvas
    is not drawn. Raises `ValueError` if a part has another size than its area, and what `decoded` raises.
    """
    start = _start(animation, first)
    canvas = Image.new("RGBA", animation.size)
    shown = Decoded(canvas, None, 1, gray=False)
    for number, part in enumerate(islice(animation.parts, start, None), start):
        box = _on_canvas(part.area, animation.size)
        disposal = Disposal.CLEAR if number == 0 and part.disposal is Disposal.RESTORE else part.disposal
        before = canvas.crop(box) if box and disposal is Disposal.RESTORE else None
        if box:
            shown = decoded(part)
            _draw(canvas, shown.picture, part, box)
        if number >= first:
            yield replace(shown, picture=_copy(canvas), frame_area=None)
        if box and disposal is not Disposal.KEEP:
            canvas.paste(_CLEAR if before is None else before, box)


def stays_opaque(animation: Parts) -> bool:
    """Whether all frames are opaque if the first one is. False means that it is not known."""
    first, *rest = animation.parts
    if first.disposal is Disposal.RESTORE and rest:
        return False
    clears = any(part.disposal is Disposal.CLEAR for part in animation.parts[:-1])
    return not clears and not any(part.has_alpha and not part.blends for part in rest)


def _start(animation: Parts, first: int) -> int:
    """The last part, at `first` or before it, before which nothing has to be drawn: it covers the whole canvas."""
    whole: Box = (0, 0, *animation.size)
    for number in range(first, 0, -1):
        part, previous = animation.parts[number], animation.parts[number - 1]
        if part.area == whole and not (part.blends and part.has_alpha):
            return number
        if previous.area == whole and previous.disposal is Disposal.CLEAR:
            return number
    return 0


def _on_canvas(area: Box, size: tuple[int, int]) -> Box | None:
    """The part of an area that is on the canvas; None if there is none."""
    left, top, right, bottom = area[0], area[1], min(area[2], size[0]), min(area[3], size[1])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _draw(canvas: Image.Image, picture: Image.Image, part: Part, box: Box) -> None:
    left, top, right, bottom = part.area
    if picture.size != (right - left, bottom - top):
        raise ValueError(f"a frame has {picture.size} pixels instead of those of {part.area}")
    picture = alpha.expanded(depth.narrowed(picture))
    if box != part.area:
        picture = picture.crop((0, 0, box[2] - box[0], box[3] - box[1]))
    if part.blends and picture.mode == "RGBA":
        canvas.alpha_composite(picture, box[:2])
    else:
        canvas.paste(picture, box)


def _copy(canvas: Image.Image) -> Image.Image:
    return canvas.convert("RGB") if canvas.getchannel("A").getextrema() == (255, 255) else canvas.copy()
