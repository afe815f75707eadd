"""Describes the pixels of a decoded picture: transparency, the dominant color, and placeholders.

Only transparency looks at every pixel, and only if the sampled ones are opaque. All else is computed from samples.
"""

import base64
from math import isqrt

from PIL import Image, ImageChops, ImageStat

from pymager.engine import alpha, color, depth, orient
from pymager.engine.decode import Decoded
from pymager.engine.decode_steps import DECODE_STEPS
from pymager.engine.jobs import RenderJob
from pymager.engine.step import StepContext
from pymager.formats import Encoding
from pymager.ports import Description
from pymager.variants.geometry import Target, turned_size
from pymager.variants.variant import Variant

_MAX_SIDE = 64
"""The longest side from which placeholders are made. They have at most seven components across and down."""
_MAX_SAMPLED_PIXELS = 400_000
_UNEVEN = 0.618
"""Added to a whole number of pixels between samples, so that a pattern does not hide between them."""
_STRIP_PIXELS = 1 << 18
_COARSE = bytes(level & 0xF0 for level in range(256))
"""The histogram has 16 levels of each channel, as that of sharp's `stats`. A pixel with less alpha is not visible."""
_ONLY_ZERO = bytes([255] + [0] * 255)
_ALL_BUT_ZERO = bytes([0] + [255] * 255)
_BLURHASH_COMPONENTS = (4, 3)
_ANY = RenderJob(Variant(1, 1, "png"), Encoding()), (0, 0, 1, 1), Target((1, 1), (1, 1), (0, 0))
"""A variant, for steps that need none."""
_UPRIGHT = 1


def describe(decoded: Decoded, frames: int, background: tuple[int, int, int]) -> Description:
    """Describe a picture, which is not changed. `background` is red, green and blue."""
    sample = _sampled(decoded)
    small = _small(sample, decoded)
    return Description(
        frames=frames,
        alpha=not _is_opaque(sample) or _has_transparent_pixel(decoded),
        dominant=_dominant(small) or "#{:02x}{:02x}{:02x}".format(*background),
        thumbhash=_thumbhash(small),
        blurhash=_blurhash(small, background, is_portrait=_is_portrait(decoded)),
    )


def _small(sample: Image.Image, decoded: Decoded) -> Image.Image:
    """The sample as RGBA in sRGB, upright, with no side longer than `_MAX_SIDE`."""
    turns = () if decoded.orientation == _UPRIGHT else (decoded.orientation,)
    context = StepContext(*_ANY, turns, decoded.profile, decoded.gray)
    picture, longest = sample, max(sample.size)
    if longest > _MAX_SIDE:
        width, height = (max(1, round(side * _MAX_SIDE / longest)) for side in sample.size)
        picture = sample.resize((width, height), Image.Resampling.BOX)
    for step in (orient.turn, color.to_srgb, color.to_rgb):
        picture = step(picture, context)
    return picture.convert("RGBA")


def _sampled(decoded: Decoded) -> Image.Image:
    """At most `_MAX_SAMPLED_PIXELS` of the picture, after the steps that belong to decoding. Mixes no pixels."""
    picture = decoded.picture
    width, height = size = picture.size
    if width * height > _MAX_SAMPLED_PIXELS:
        step = isqrt(width * height // _MAX_SAMPLED_PIXELS) + _UNEVEN
        size = max(1, int(width / step)), max(1, int(height / step))
    area = decoded.frame_area and _scaled_area(decoded.frame_area, picture.size, size)
    context = StepContext(*_ANY, frame_area=area)
    picture = picture.resize(size, Image.Resampling.NEAREST)  # a copy if the size is the same
    for decode_step in DECODE_STEPS:
        picture = decode_step(picture, context)
    return picture


def _scaled_area(
    area: tuple[int, int, int, int], size: tuple[int, int], scaled: tuple[int, int]
) -> tuple[int, int, int, int]:
    across, down = scaled[0] / size[0], scaled[1] / size[1]
    left, top, right, bottom = area
    return round(left * across), round(top * down), round(right * across), round(bottom * down)


def _is_opaque(picture: Image.Image) -> bool:
    return "A" not in picture.getbands() or ImageChops.invert(picture.getchannel("A")).getbbox() is None


def _has_transparent_pixel(decoded: Decoded) -> bool:
    picture = decoded.picture
    width, height = picture.size
    if decoded.frame_area not in (None, (0, 0, width, height)):
        return True
    if not picture.has_transparency_data:
        return False
    if picture.mode in ("RGBA", "LA"):
        return not _is_opaque(picture)
    context = StepContext(*_ANY)
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(height, top + rows)))
        strip = alpha.expand(depth.eight_bits(strip, context), context)
        if not _is_opaque(strip):
            return True
    return False


def _dominant(small: Image.Image) -> str | None:
    """The mean of the visible colors in the fullest bin of a coarse histogram; None if no pixel is visible."""
    coarse = _mapped(small, _COARSE)
    fullest = _fullest_bin(coarse)
    if fullest is None:
        return None
    distances = ImageChops.difference(coarse.convert("RGB"), Image.new("RGB", small.size, fullest)).split()
    farthest = ImageChops.lighter(ImageChops.lighter(*distances[:2]), distances[2])
    in_bin = _mapped(farthest, _ONLY_ZERO)
    visible = _mapped(coarse.getchannel("A"), _ALL_BUT_ZERO)
    mean = ImageStat.Stat(small.convert("RGB"), ImageChops.darker(in_bin, visible)).mean
    return "#{:02x}{:02x}{:02x}".format(*map(round, mean))


def _fullest_bin(coarse: Image.Image) -> tuple[int, ...] | None:
    """The color of the bin with the most weight, which is the sum of its pixels' alpha; None if all have none."""
    least, most = coarse.getchannel("A").getextrema()
    if not most:
        return None
    if least == most:
        return max(coarse.convert("RGB").getcolors(_MAX_SIDE * _MAX_SIDE) or [])[1]  # type: ignore[return-value]
    weights: dict[tuple[int, ...], int] = {}
    colors: list[tuple[int, tuple[int, ...]]] = coarse.getcolors(_MAX_SIDE * _MAX_SIDE) or []  # type: ignore[assignment]
    for count, (red, green, blue, opacity) in colors:
        if opacity:
            weights[red, green, blue] = weights.get((red, green, blue), 0) + count * opacity
    return max(zip(weights.values(), weights, strict=True))[1]


def _mapped(picture: Image.Image, table: bytes) -> Image.Image:
    """The picture with each level replaced by that in a table of 256. `Image.point` calls `round` for each of them."""
    return Image.frombytes(picture.mode, picture.size, picture.tobytes().translate(table))


def _thumbhash(small: Image.Image) -> str:
    from fast_thumbhash import rgba_to_thumb_hash  # only uploads need it, and not every worker process gets one

    return base64.b64encode(bytes(rgba_to_thumb_hash(*small.size, small.tobytes()))).decode()


def _blurhash(small: Image.Image, background: tuple[int, int, int], *, is_portrait: bool) -> str:
    from fast_blurhash import encode  # as above

    opaque = Image.new("RGB", small.size, background)
    opaque.paste(small, mask=small)
    components = _BLURHASH_COMPONENTS[::-1] if is_portrait else _BLURHASH_COMPONENTS
    blurhash: str = encode(opaque.tobytes(), *components, *small.size)
    return blurhash


def _is_portrait(decoded: Decoded) -> bool:
    width, height = turned_size(decoded.picture.size, (decoded.orientation,))
    return height > width
