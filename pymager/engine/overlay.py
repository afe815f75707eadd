"""Draws a watermark: decodes its picture as any original, scales it, and caches the result in the worker process."""

from collections import OrderedDict
from functools import cache
from pathlib import Path

from PIL import Image

from pymager.engine import alpha, color, depth, orient, scale, watermark
from pymager.engine.decode import (
    can_be_reduced,
    check_jpeg_pixels,
    decode,
    decode_jpeg,
    upright_orientation,
)
from pymager.engine.decode import draw as draw_vector
from pymager.engine.jobs import Overlay
from pymager.engine.original import OpenOriginal, open_original
from pymager.engine.step import Step, StepContext
from pymager.errors import NotAPicture, Unavailable, Undecodable, WatermarkChanged
from pymager.variants.geometry import Box, Size, Target, jpeg_reduction, turned_size

_MAX_CACHED_PIXELS = 4_000_000
"""Of all overlays together, in a worker process: 16 MB."""
_STEPS: tuple[Step, ...] = (
    depth.eight_bits,
    alpha.expand,
    alpha.clear_outside_frame,
    scale.crop_and_scale,
    orient.turn,
    color.to_srgb,
    color.to_rgb,
)


class Cache:
    """Overlays that are ready to be drawn, with their boxes in the variant; the least recently used are dropped."""

    def __init__(self, max_pixels: int = _MAX_CACHED_PIXELS) -> None:
        self._max_pixels = max_pixels
        self._pixels = 0
        self._items: OrderedDict[object, tuple[Image.Image, Box]] = OrderedDict()

    def get(self, key: object) -> tuple[Image.Image, Box] | None:
        """The overlay with this key."""
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def put(self, key: object, overlay: Image.Image, box: Box) -> None:
        """Cache an overlay, unless it is too large."""
        pixels = overlay.width * overlay.height
        if pixels > self._max_pixels:
            return
        self._items[key] = overlay, box
        self._pixels += pixels
        while self._pixels > self._max_pixels:
            _, (dropped, _) = self._items.popitem(last=False)
            self._pixels -= dropped.width * dropped.height


def draw(picture: Image.Image, context: StepContext) -> Image.Image:
    """Draw the watermark of the variant, if it has one.

    Raises `Undecodable` if the watermark cannot be decoded, and `WatermarkChanged` if its file is gone.
    """
    overlay = context.job.overlay
    if overlay is None:
        return picture
    key = overlay.revision, overlay.gravity, overlay.scale, overlay.opacity, overlay.margin, picture.size
    found = _cache().get(key)
    if found is None:
        found = _prepared(overlay, picture.size, context)
        _cache().put(key, *found)
    drawn, box = found
    return watermark.draw(picture, drawn, box[:2])


@cache
def _cache() -> Cache:
    return Cache()


def _prepared(overlay: Overlay, output: Size, context: StepContext) -> tuple[Image.Image, Box]:
    source = Path(overlay.file) if isinstance(overlay.file, str) else overlay.file
    try:
        with open_original(source, context.limits, full_walk=False) as original:
            picture, box = _scaled(original, overlay, output, context)
    except FileNotFoundError:
        raise WatermarkChanged("the file of the watermark is gone") from None
    except OSError as error:
        raise Unavailable(f"the watermark's file cannot be read: {error.strerror}", outcome_known=True) from error
    except (NotAPicture, Undecodable) as error:
        raise Undecodable(f"the watermark cannot be drawn; the operator should check its picture: {error}") from error
    return watermark.with_opacity(picture, overlay.opacity), box


def _scaled(original: OpenOriginal, overlay: Overlay, output: Size, base: StepContext) -> tuple[Image.Image, Box]:
    """The first frame of the overlay, upright, in sRGB and in its size, and its box in the variant."""
    stored, factor = original.size, 1
    if can_be_reduced(original):
        left, top, right, bottom = _box(overlay, turned_size(stored, (upright_orientation(original),)), output)
        factor = jpeg_reduction((0.0, 0.0, float(stored[0]), float(stored[1])), (right - left, bottom - top))
        if not original.container.has_end:
            check_jpeg_pixels(original)
        decoded = decode_jpeg(original, factor)
    elif original.container.vector is not None:
        left, top, right, bottom = _box(overlay, stored, output)
        decoded = draw_vector(original, (0.0, 0.0, float(stored[0]), float(stored[1])), (right - left, bottom - top))
    else:
        decoded = decode(original)
        stored = decoded.picture.size
    box = _box(overlay, turned_size(stored, (decoded.orientation,)), output)
    size = box[2] - box[0], box[3] - box[1]
    if original.container.vector is None:
        whole = (0.0, 0.0, stored[0] / factor, stored[1] / factor)
    else:
        whole = (0.0, 0.0, float(size[0]), float(size[1]))
    turns = (decoded.orientation,) if decoded.orientation != 1 else ()
    target = Target(size, size, (0, 0))
    context = StepContext(base.job, whole, target, turns, decoded.profile, decoded.gray, decoded.frame_area)
    picture: Image.Image = decoded.picture
    del decoded
    for step in _STEPS:
        picture = step(picture, context)
    return picture, box


def _box(overlay: Overlay, size: Size, output: Size) -> Box:
    return watermark.placement(output, size, overlay.gravity, overlay.scale, overlay.margin)
