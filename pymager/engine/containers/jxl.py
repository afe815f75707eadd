"""JPEG XL: the header of a codestream (ISO/IEC 18181-1), and the boxes around it (ISO/IEC 18181-2).

The decoder gets only the codestream: without the boxes, it neither reconstructs a JPEG nor reads metadata.
"""

from dataclasses import dataclass

from pymager.engine import colorspace
from pymager.engine.colorspace import ColorSpace
from pymager.engine.containers import isobmff
from pymager.engine.containers.bits import BitReader
from pymager.engine.containers.container import Container, Data
from pymager.engine.limits import PictureLimits, check_parts, check_pixels
from pymager.errors import NotAPicture

CODESTREAM = b"\xff\x0a"
_MAX_HEADER_BYTES = 64 << 10
_MAX_EXTRA_CHANNELS = 256
_PART_INDEX_BYTES = 4
_ALPHA, _SPOT_COLOR, _BLACK, _COLOR_FILTER = 0, 2, 4, 5
_GRAY, _XYB = 1, 2
_D65, _DCI, _CUSTOM = 1, 11, 2
_BT709, _BT2100, _P3 = 1, 9, 11
_SRGB_TRANSFER = 13
_HDR_TRANSFERS = frozenset({16, 18})
_CODE_POINTS = {(_BT709, _D65): 1, (_BT2100, _D65): 9, (_P3, _D65): 12, (_P3, _DCI): 11}
"""The primaries of ITU-T H.273 for primaries and a white point of JPEG XL."""

_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_PREVIEW_SIDE = ((6, 1), (8, 65), (10, 321), (12, 1345))
_PREVIEW_EIGHTHS = ((0, 16), (0, 32), (5, 1), (9, 33))
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_INTEGER_BITS = ((0, 8), (0, 10), (0, 12), (6, 1))
_FLOAT_BITS = ((0, 32), (0, 16), (0, 24), (6, 1))
_CHANNELS = ((0, 0), (0, 1), (4, 2), (12, 1))
_NAME_BYTES = ((0, 0), (4, 0), (5, 16), (10, 48))
_SHIFT = ((0, 0), (0, 3), (0, 4), (3, 1))
_FILTER_CHANNEL = ((0, 1), (2, 0), (4, 3), (8, 19))
_CHROMATICITY = ((19, 0), (19, 524_288), (20, 1_048_576), (21, 2_097_152))


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a codestream says. `size` is width and height in pixels, as the picture is shown.

    `bits` are those of a sample. `premultiplied` says that colors are multiplied by alpha. `color` is as in
    `Container`.
    """

    size: tuple[int, int]
    bits: int = 8
    gray: bool = False
    alpha: bool = False
    premultiplied: bool = False
    color: ColorSpace | bytes | None = b""


def walk(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """Walk the boxes of a file. The codestream is in one box, or in several parts."""
    codestream = b""
    for kind, start, end in isobmff.boxes(data):
        if kind == b"jxlc":
            codestream = data[start:end]
        elif kind == b"jxlp":
            codestream += data[start + _PART_INDEX_BYTES : end]
    return _container(codestream, limits, repaired=codestream)


def walk_codestream(data: Data, limits: PictureLimits, full_walk: bool) -> Container:
    """A codestream alone."""
    return _container(data[:_MAX_HEADER_BYTES], limits, repaired=None)


def _container(codestream: bytes, limits: PictureLimits, repaired: bytes | None) -> Container:
    header = read_header(codestream)
    check_pixels(header.size, limits)
    return Container(color=header.color, repaired=repaired)


def read_header(codestream: bytes) -> Header:
    """Read the size and the metadata of a codestream (ISO/IEC 18181-1:2024 annex D).

    Raises `NotAPicture` for an animation and for CMYK, `Undecodable` for too many channels, and `IndexError` if the
    codestream ends too early.
    """
    if codestream[:2] != CODESTREAM:
        raise IndexError("there is no codestream")
    bits = BitReader(codestream[2:_MAX_HEADER_BYTES])
    size = _size(bits)
    if bits.flag():  # all_default
        return Header(size)
    if bits.flag():  # extra_fields
        swaps_sides = bits.number(3) >= 4
        size = size[::-1] if swaps_sides else size
        _skip_intrinsic_size_and_preview(bits)
        if bits.flag():
            raise NotAPicture("animated JPEG XL is not supported; save it as a still picture, or as WebP or AVIF")
    sample_bits = _bit_depth(bits)
    bits.flag()  # modular_16bit_buffers
    alpha, premultiplied = _extra_channels(bits)
    bits.flag()  # xyb_encoded
    gray, color = _color(bits)
    return Header(size, sample_bits, gray, alpha, premultiplied, color)


def _size(bits: BitReader) -> tuple[int, int]:
    """Width and height (section D.2)."""
    in_eighths = bits.flag()

    def side() -> int:
        return 8 * (bits.number(5) + 1) if in_eighths else bits.choice(_SIDE)

    height = side()
    return _width(bits.number(3), height) or side(), height


def _width(ratio: int, height: int) -> int:
    """The width by a ratio of the table in section D.2; 0 if it is stored."""
    numerator, denominator = _RATIOS.get(ratio, (0, 1))
    return height * numerator // denominator


def _skip_intrinsic_size_and_preview(bits: BitReader) -> None:
    if bits.flag():
        _size(bits)
    if bits.flag():
        distribution = _PREVIEW_EIGHTHS if bits.flag() else _PREVIEW_SIDE
        bits.choice(distribution)
        if bits.number(3) == 0:
            bits.choice(distribution)


def _bit_depth(bits: BitReader) -> int:
    """The bits of a sample (section D.3.4)."""
    if not bits.flag():
        return bits.choice(_INTEGER_BITS)
    depth = bits.choice(_FLOAT_BITS)
    bits.number(4)  # bits of the exponent
    return depth


def _extra_channels(bits: BitReader) -> tuple[bool, bool]:
    """Whether there is alpha, and whether colors are multiplied by it (section D.3.6).

    Raises `NotAPicture` if there is black.
    """
    count = bits.choice(_CHANNELS)
    check_parts(count, _MAX_EXTRA_CHANNELS, "channels")
    alpha = premultiplied = False
    for _ in range(count):
        if bits.flag():  # all_default: alpha
            alpha = True
            continue
        kind = bits.enum()
        _bit_depth(bits)
        bits.choice(_SHIFT)
        bits.number(8 * bits.choice(_NAME_BYTES))
        if kind == _ALPHA:
            associated = bits.flag()
            premultiplied = associated if not alpha else premultiplied  # the first one counts
            alpha = True
        elif kind == _SPOT_COLOR:
            bits.number(4 * 16)
        elif kind == _BLACK:
            raise NotAPicture("JPEG XL with CMYK is not supported; save it with RGB")
        elif kind == _COLOR_FILTER:
            bits.choice(_FILTER_CHANNEL)
    return alpha, premultiplied


def _color(bits: BitReader) -> tuple[bool, ColorSpace | bytes | None]:
    """Whether the picture is gray, and its color space (section E.2).

    None leaves it to the ICC profile that the decoder makes. For PQ and HLG, that profile maps tones in a way of its
    own.
    """
    if bits.flag():  # all_default: sRGB
        return False, b""
    has_profile = bits.flag()
    space = bits.enum()
    if has_profile or space == _XYB:
        return space == _GRAY, None
    white = bits.enum()
    _skip_chromaticities(bits, 1 if white == _CUSTOM else 0)
    primaries = _BT709
    if space != _GRAY:
        primaries = bits.enum()
        _skip_chromaticities(bits, 3 if primaries == _CUSTOM else 0)
    if bits.flag():  # have_gamma
        return space == _GRAY, None
    transfer = bits.enum()
    if (primaries, white, transfer) == (_BT709, _D65, _SRGB_TRANSFER):
        return space == _GRAY, b""
    if transfer in _HDR_TRANSFERS and (primaries, white) in _CODE_POINTS:
        return space == _GRAY, colorspace.by_code_points(_CODE_POINTS[primaries, white], transfer)
    return space == _GRAY, None


def _skip_chromaticities(bits: BitReader, points: int) -> None:
    for _ in range(2 * points):
        bits.choice(_CHROMATICITY)
