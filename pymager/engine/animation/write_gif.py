"""Writes animated GIF (GIF89a specification)."""

from collections.abc import Iterator
from fractions import Fraction
from struct import pack

from PIL import Image, ImageChops

from pymager.engine.animation.movie import Clock, Frame, Movie, changed_area, merged
from pymager.engine.containers.container import Box
from pymager.engine.containers.gif import block_end, color_table_bytes, next_block
from pymager.engine.encoders import saved

_MAX_UINT16 = 65_535
_UNIT_MILLISECONDS = 10
_SHORTEST_MILLISECONDS = 10
_SHORTEST_HUNDREDTHS = 2
"""Browsers show a frame of 10 ms or less for 100 ms. So a longer one gets at least two units."""
_MAX_COLORS = 255  # and one that is transparent
_KEEP, _CLEAR = 1, 2
_LOCAL_TABLE = 0x80
_HALF = 128


def write(movie: Movie) -> bytes:
    """The animation as a GIF.

    Each frame draws only the pixels that it changes, so that what does not move keeps its colors. If pixels become
    transparent, the frame before clears the canvas.
    """
    out, clock = [_header(movie)], Clock(_UNIT_MILLISECONDS)
    shown = Image.new("RGBA", movie.size)  # what is visible when the next frame is drawn
    is_first = True
    for frame, following in _pairs(movie):
        clears = following is not None and _uncovers(frame.picture, following.picture)
        area = _area(shown, frame.picture, is_first, clears)
        minimum = _SHORTEST_HUNDREDTHS if frame.milliseconds > _SHORTEST_MILLISECONDS else 0
        hundredths = min(_MAX_UINT16, clock.units(frame.milliseconds, minimum))
        out.append(_drawn(shown, frame.picture, area, hundredths, _CLEAR if clears else _KEEP))
        shown = Image.new("RGBA", movie.size) if clears else frame.picture
        is_first = False
    return b"".join([*out, b";"])


def _pairs(movie: Movie) -> Iterator[tuple[Frame, Frame | None]]:
    """Each frame and the next one, with pixels that are either opaque or transparent."""
    current: Frame | None = None
    binary = (Frame(_binary(frame.picture), frame.milliseconds) for frame in movie.frames)
    for frame in merged(binary, Fraction(_MAX_UINT16 * _UNIT_MILLISECONDS)):
        if current is not None:
            yield current, frame
        current = frame
    if current is not None:
        yield current, None


def _binary(picture: Image.Image) -> Image.Image:
    """The picture in RGBA. An alpha below half becomes transparent black, all other pixels opaque."""
    if picture.mode != "RGBA":
        return picture.convert("RGBA")
    opaque = picture.getchannel("A").point([0] * _HALF + [255] * _HALF)
    result = Image.new("RGBA", picture.size)
    result.paste(picture.convert("RGB"), mask=opaque)
    return result


def _uncovers(picture: Image.Image, following: Image.Image) -> bool:
    """Whether a pixel becomes transparent."""
    lost = ImageChops.subtract(picture.getchannel("A"), following.getchannel("A"))
    return lost.getbbox() is not None


def _area(shown: Image.Image, picture: Image.Image, is_first: bool, clears: bool) -> Box:
    """What the frame has to cover: all that it changes, and all that it clears. The first one covers the canvas."""
    if is_first:
        return (0, 0, *picture.size)
    if clears:
        return ImageChops.lighter(shown.getchannel("A"), picture.getchannel("A")).getbbox() or (0, 0, 1, 1)
    return changed_area(shown, picture) or (0, 0, 1, 1)


def _header(movie: Movie) -> bytes:
    head = b"GIF89a" + pack("<HHBBB", *movie.size, 0, 0, 0)
    if movie.plays == 1:
        return head
    repetitions = min(_MAX_UINT16, max(0, movie.plays - 1))
    return head + b"!\xff\x0bNETSCAPE2.0\x03\x01" + pack("<H", repetitions) + b"\0"


def _drawn(shown: Image.Image, picture: Image.Image, area: Box, hundredths: int, disposal: int) -> bytes:
    """A graphic control extension, and a picture with its own colors."""
    part = picture.crop(area)
    unchanged = _unchanged(shown.crop(area), part)
    indexed, transparent = _indexed(part, unchanged)
    flags, table, pixels = _encoded(indexed)
    control = pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | 1, hundredths, transparent, 0)
    left, top, right, bottom = area
    return control + pack("<BHHHHB", 0x2C, left, top, right - left, bottom - top, _LOCAL_TABLE | flags) + table + pixels


def _unchanged(shown: Image.Image, part: Image.Image) -> Image.Image:
    """A mask, 255 where nothing has to be drawn: the pixel is transparent, or visible already."""
    changes = [band.point([0] + [255] * 255) for band in ImageChops.difference(shown, part).split()]
    changed = changes[0]
    for band in changes[1:]:
        changed = ImageChops.lighter(changed, band)
    return ImageChops.invert(ImageChops.darker(changed, part.getchannel("A")))


def _indexed(part: Image.Image, unchanged: Image.Image) -> tuple[Image.Image, int]:
    """The part with a palette, exact if it has few colors, else by octree as still pictures; also the number of the
    transparent color, which is the last one."""
    colors = part.convert("RGB")
    few = colors.getcolors(_MAX_COLORS) is not None
    indexed = colors.quantize(_MAX_COLORS, Image.Quantize.MEDIANCUT if few else Image.Quantize.FASTOCTREE)
    palette = indexed.getpalette() or []
    transparent = len(palette) // 3
    indexed.paste(transparent, mask=unchanged)
    indexed.putpalette([*palette, 0, 0, 0])
    return indexed, transparent


def _encoded(indexed: Image.Image) -> tuple[int, bytes, bytes]:
    """The size of the color table as in the flags of a picture, the table, and the compressed pixels."""
    data = saved(indexed, "GIF", optimize=False, interlace=0)
    start = 13 + color_table_bytes(data[10])
    block = next_block(data, start)
    assert block is not None
    introducer, position = block
    return data[10] & 7, data[13:start], data[position + 9 : block_end(data, introducer, position)]
