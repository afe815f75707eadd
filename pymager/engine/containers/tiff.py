"""TIFF and BigTIFF: directories (TIFF 6.0, section 2)."""

import mmap
from dataclasses import dataclass
from struct import calcsize, pack_into, unpack_from
from struct import error as struct_error

from pymager.engine.containers.container import Container, Data, Tags
from pymager.engine.limits import PictureLimits, check_frames, check_parts, check_pixels
from pymager.errors import NotAPicture, Undecodable

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES = 273, 274, 277, 278, 279
PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES = 284, 317, 322, 323, 324, 325
COLOR_MAP, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, ICC_PROFILE = 320, 332, 338, 339, 34_675
"""The tags that are read (TIFF 6.0, appendix A; ICC.1:2022 annex B.4)."""
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK, SEPARATED, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 4, 5, 6, 8, 9
"""Photometric interpretations (TIFF 6.0, section 8)."""

_PHOTOMETRICS = frozenset({WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB, ICCLAB})
_OTHER_PHOTOMETRICS = {
    MASK: "a transparency mask instead of a picture",
    10: "ITU L*a*b* colors",
    32_803: "raw sensor data (CFA)",
    32_844: "LogL samples",
    32_845: "LogLuv samples",
    34_892: "raw sensor data (LinearRaw)",
}
_LOSSLESS_COMPRESSIONS = frozenset({1, 5, 8, 32_773, 32_946, 34_925, 50_000})
"""None, LZW, Deflate, PackBits, the older code of Deflate, LZMA and Zstandard."""
_SIMPLE_KINDS = frozenset({(WHITE_IS_ZERO, 1), (BLACK_IS_ZERO, 1), (PALETTE, 1), (RGB, 3), (SEPARATED, 4), (CIELAB, 3)})
"""Photometric interpretation and samples per pixel of 8-bit pictures that Pillow reads correctly."""
_SIMPLE_WIDE_KINDS = frozenset({(BLACK_IS_ZERO, 1), (RGB, 3)})
_SUBSAMPLING = 530
_MAX_SAMPLES = 16
_MAX_PROFILE_BYTES = 4 << 20
_UNSPECIFIED = 0

_STRUCT_CODES = {1: "B", 3: "H", 4: "I", 6: "B", 7: "B", 8: "H", 9: "I", 13: "I", 16: "Q", 17: "Q"}
_READ_TAGS = frozenset(
    {
        *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER),
        *(STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_SIZES),
        *(PLANAR, PREDICTOR, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES),
        *(COLOR_MAP, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, _SUBSAMPLING),
    }
)
_MAX_VALUES = 4_000_000
"""The maximum number of values in all directories together: directories can overlap and share one long list."""
_MAX_STRIPS = 200_000
"""Of the first picture. libtiff takes 5 microseconds for each strip or tile, however small it is."""


@dataclass(slots=True)
class _Reader:
    data: Data
    order: str
    big: bool
    values_read: int = 0

    def values(self, code: str, position: int, count: int = 1) -> tuple[int, ...]:
        self.values_read += count
        check_parts(self.values_read, _MAX_VALUES, "values in its directories")
        if position > len(self.data):  # `unpack_from` raises another exception for what no address can hold
            raise struct_error("the values are behind the end of the file")
        return unpack_from(f"{self.order}{count}{code}", self.data, position)

    def directory(self, position: int) -> tuple[Tags, int]:
        """The tags of the directory at `position`, and the position of the next directory; 0 after the last."""
        (count,), position = (
            self.values("Q" if self.big else "H", position),
            position + (8 if self.big else 2),
        )
        offset_code = "Q" if self.big else "I"
        tags: Tags = {}
        for _ in range(count):
            tag, type = self.values("H", position, 2)
            if tag == ICC_PROFILE and type in (1, 7):
                (length,) = self.values(offset_code, position + 4)
                tags[tag] = (self.values(offset_code, position + 4 + calcsize(offset_code))[0], length)
            elif tag in _READ_TAGS and type in _STRUCT_CODES:
                (length,), where = self.values(offset_code, position + 4), position + 4 + calcsize(offset_code)
                if length * calcsize(_STRUCT_CODES[type]) > calcsize(offset_code):
                    (where,) = self.values(offset_code, where)
                tags[tag] = self.values(_STRUCT_CODES[type], where, length)
            position += 20 if self.big else 12
        return tags, self.values(offset_code, position)[0]


def _reader(data: Data) -> _Reader:
    return _Reader(data, "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+"))


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the chain of directories, each once. A broken directory after the first ends the walk."""
    reader = _reader(data)
    (position,) = reader.values("Q" if reader.big else "I", 8 if reader.big else 4)
    seen: set[int] = set()
    first: Tags = {}
    while position and position not in seen:
        seen.add(position)
        check_frames(len(seen), limits)
        try:
            tags, position = reader.directory(position)
        except struct_error:
            if len(seen) == 1:
                raise
            break
        if len(seen) == 1:
            first = tags
            _check_sizes(tags, limits)
            _check_kind(tags)
    return Container(frames=max(1, len(seen)), directory=(first, reader.order))


def with_first(data: mmap.mmap, page: int, limits: PictureLimits) -> bool:
    """Make another page the first one, in a copy of the file in memory. False if there is no such page.

    Raises `Undecodable` if the file exceeds a limit.
    """
    reader = _reader(data)
    code, where = ("Q", 8) if reader.big else ("I", 4)
    (position,) = reader.values(code, where)
    seen: set[int] = set()
    try:
        for _ in range(page):
            seen.add(position)
            check_frames(len(seen), limits)
            _, position = reader.directory(position)
    except struct_error:
        return False
    if not position or position in seen:
        return False
    pack_into(f"{reader.order}{code}", data, where, position)
    return True


def profile_of(data: Data, tags: Tags) -> bytes | None:
    """The ICC profile of a directory, whose tag has its position and its length here."""
    start, length = tags.get(ICC_PROFILE, (0, 0))
    return data[start : start + length] if 0 < length <= _MAX_PROFILE_BYTES else None


def is_tiff(data: Data) -> bool:
    """Whether the file begins like a TIFF or BigTIFF."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_read_by_pillow(tags: Tags, size: int) -> bool:
    """Whether Pillow decodes the first picture of a file of `size` bytes correctly; else `pymager.engine.tiff` does."""
    bits, samples = tags.get(BITS, (1,))[0], tags.get(SAMPLES, (1,))[0]
    photometric = tags.get(PHOTOMETRIC, (WHITE_IS_ZERO,))[0]
    if tags.get(COMPRESSION, (1,))[0] not in _LOSSLESS_COMPRESSIONS or bits not in (8, 16, 32, 64):
        return True
    chunky, unsigned = tags.get(PLANAR, (1,))[0] != 2, set(tags.get(SAMPLE_FORMAT, (1,))) == {1}
    simple = ((photometric, samples) in _SIMPLE_KINDS and (chunky or photometric != WHITE_IS_ZERO)) or (
        (photometric, samples, chunky) == (RGB, 4, True) and tags.get(EXTRA_SAMPLES) != (_UNSPECIFIED,)
    )
    if photometric == YCBCR:
        return True
    if bits == 16:  # Pillow keeps the upper bytes, which is enough without a profile
        simple = chunky and (photometric, samples) in _SIMPLE_WIDE_KINDS and ICC_PROFILE not in tags
    return bits in (8, 16) and unsigned and simple and _has_plausible_sizes(tags, size)


def _has_plausible_sizes(tags: Tags, size: int) -> bool:
    offsets, sizes = tags.get(STRIP_OFFSETS, ()), tags.get(STRIP_SIZES, ())
    return TILE_OFFSETS in tags or (
        len(offsets) == len(sizes) and all(n > 0 and at + n <= size for at, n in zip(offsets, sizes, strict=True))
    )


def _check_kind(tags: Tags) -> None:
    """Raises `NotAPicture` for a kind of TIFF that is not supported."""
    bits, samples = tags.get(BITS, (1,)), tags.get(SAMPLES, (1,))[0]
    formats, photometric = set(tags.get(SAMPLE_FORMAT, (1,))), tags.get(PHOTOMETRIC, (WHITE_IS_ZERO,))[0]
    compression = tags.get(COMPRESSION, (1,))[0]
    problem = None
    if not 0 < samples <= _MAX_SAMPLES:
        problem = f"{samples} samples per pixel"
    elif photometric not in _PHOTOMETRICS:
        problem = f"{_OTHER_PHOTOMETRICS.get(photometric, f'the photometric interpretation {photometric}')}"
    elif formats - {1, 2, 3, 4}:
        problem = "complex samples" if formats & {5, 6} else f"the sample format {max(formats)}"
    elif len(set(bits)) > 1:
        problem = f"samples of {', '.join(map(str, bits))} bits"
    elif (
        bits[0] not in (1, 2, 4, 8, 12, 16, 32, 64) or (bits[0] < 8 and samples > 1) or (bits[0] == 12 and samples > 1)
    ):
        problem = f"{samples} samples of {bits[0]} bits"
    elif 3 in formats and bits[0] < 16:
        problem = f"{bits[0]}-bit float samples"
    elif photometric == SEPARATED and (tags.get(INK_SET, (1,))[0] != 1 or samples < 4):
        problem = f"{samples} inks other than cyan, magenta, yellow and black"
    elif photometric in (RGB, YCBCR, CIELAB, ICCLAB) and samples < 3:
        problem = f"{samples} samples per pixel in color"
    elif photometric in (CIELAB, ICCLAB) and (bits[0] not in (8, 16) or formats != {1}):
        problem = f"L*a*b* samples of {bits[0]} bits, other than unsigned ones of 8 and 16 bits"
    elif photometric == PALETTE and bits[0] > 8:
        problem = f"a palette of {bits[0]} bits"
    elif photometric == YCBCR and compression in _LOSSLESS_COMPRESSIONS and tags.get(_SUBSAMPLING, (2, 2)) != (1, 1):
        problem = "subsampled YCbCr that is not compressed as JPEG"
    if problem:
        raise NotAPicture(f"TIFF with {problem} is not supported; save it as 8-bit or 16-bit gray, RGB or CMYK")


def _check_sizes(tags: Tags, limits: PictureLimits) -> None:
    """Check strips and tiles too: a tile is decoded completely, however small its picture is."""
    check_parts(max(len(tags.get(tag, ())) for tag in (STRIP_OFFSETS, TILE_OFFSETS)), _MAX_STRIPS, "strips or tiles")
    for width, height in ((WIDTH, HEIGHT), (TILE_WIDTH, TILE_HEIGHT)):
        if tags.get(width) and tags.get(height):
            check_pixels((tags[width][0], tags[height][0]), limits)
    if tags.get(TILE_WIDTH, (0,))[0] and tags.get(TILE_HEIGHT, (0,))[0] and tags.get(WIDTH) and tags.get(HEIGHT):
        sides = ((tags[WIDTH][0], tags[TILE_WIDTH][0]), (tags[HEIGHT][0], tags[TILE_HEIGHT][0]))
        width_of_tiles, height_of_tiles = (-(-side // tile) * tile for side, tile in sides)
        if width_of_tiles * height_of_tiles > 2 * limits.pixels:
            raise Undecodable(
                f"the tiles of the TIFF have {width_of_tiles}x{height_of_tiles} pixels; at most {2 * limits.pixels} "
                "are accepted; save it with smaller tiles"
            )
