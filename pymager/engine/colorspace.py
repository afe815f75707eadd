"""Color spaces that files describe by numbers, and ICC profiles made of them. Needs no decoder.

Numbers are those of ITU-T H.273 (CICP), which PNG, AVIF and HEIC share. A color space becomes an ICC profile
(ICC.1:2022), so that there is one way to sRGB for all pictures.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log, pow
from typing import TypeAlias

from pymager.engine.matrices import D50, Chromaticities, Vector, adapted_to_d50, inverse, product, rgb_to_xyz, times

Transfer: TypeAlias = Callable[[float], float]

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
BT709: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_PRIMARIES: dict[int, Chromaticities] = {
    1: BT709,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (*_DCI, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_SRGB_TRANSFER, _PQ, _HLG = 13, 16, 18
_REFERENCE_WHITE_NITS = 203.0  # ITU-R BT.2408
_HLG_PEAK_NITS = 1_000.0  # ITU-R BT.2100, for the system gamma of 1.2
_CURVE_ENTRIES = 4_096
_GRID_POINTS = 33
_WHITE_POINT = 24  # where reference white is on the grid
_HLG_WHITE_SIGNAL = 0.75  # ITU-R BT.2408, table 1


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """A color space: chromaticities, and either a number of a transfer function or a gamma (encoded = linear^gamma)."""

    chromaticities: Chromaticities
    transfer: int = 0
    gamma: float = 0.0


def by_code_points(primaries: int, transfer: int) -> ColorSpace | None:
    """The color space of two numbers of ITU-T H.273; None if a number is unknown, unspecified, or means sRGB."""
    if primaries not in _PRIMARIES or transfer not in _TRANSFERS or (primaries, transfer) == (1, _SRGB_TRANSFER):
        return None
    return ColorSpace(_PRIMARIES[primaries], transfer=transfer)


def by_gamma(gamma: float, chromaticities: Chromaticities | None) -> ColorSpace | None:
    """The color space of a gamma and chromaticities; None if they cannot be those of a color space."""
    space = ColorSpace(chromaticities or BT709, gamma=gamma)
    try:
        profile(space, gray=False)
    except (ZeroDivisionError, OverflowError, struct.error):
        return None
    return space


@lru_cache(maxsize=16)
def profile(space: ColorSpace, *, gray: bool) -> bytes:
    """An ICC profile of the color space, for pictures in gray or in RGB."""
    if space.transfer in (_PQ, _HLG):
        return _file(b"GRAY" if gray else b"RGB ", b"Lab ", {b"A2B0": _tone_mapping_table(space, 1 if gray else 3)})
    curve = _curve(space)
    if gray:
        return _file(b"GRAY", b"XYZ ", {b"kTRC": curve})
    columns = zip(*adapted_to_d50(space.chromaticities), strict=True)
    tags = {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    return _file(b"RGB ", b"XYZ ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))


def _bt1886(value: float) -> float:
    """A display's light for BT.709's signal (ITU-R BT.1886), as in browsers: not the inverse of the camera's curve."""
    return pow(value, 2.4)


def _srgb(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _smpte240(value: float) -> float:
    return value / 4 if value < 0.0913 else ((value + 0.1115) / 1.1115) ** (1 / 0.45)


def _pq_nits(value: float) -> float:
    """SMPTE ST 2084: the display's luminance of a signal, in cd/m2."""
    power = value ** (1 / 78.84375)
    return 10_000.0 * pow((max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power)), 1 / 0.1593017578125)


def _hlg_scene(value: float) -> float:
    """ITU-R BT.2100, table 5: the scene's linear light of a signal, 0 to 1."""
    return value * value / 3 if value <= 0.5 else (exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12


_TRANSFERS: dict[int, Transfer] = {
    1: _bt1886,
    4: lambda value: value**2.2,
    5: lambda value: value**2.8,
    6: _bt1886,
    7: _smpte240,
    8: lambda value: value,
    9: lambda value: 10 ** (2 * (value - 1)) if value > 0 else 0.0,
    10: lambda value: 10 ** (2.5 * (value - 1)) if value > 0 else 0.0,
    11: _bt1886,
    13: _srgb,
    14: _bt1886,
    15: _bt1886,
    _PQ: _pq_nits,
    17: lambda value: value**2.6 * 52.37 / 48,
    _HLG: _hlg_scene,
}
"""From the encoded to the linear value, both 0 to 1, by ITU-T H.273 table 3; PQ gives cd/m2."""


def _curve(space: ColorSpace) -> bytes:
    if space.gamma:
        return b"para" + bytes(4) + struct.pack(">HHi", 0, 0, round(65_536 / space.gamma))
    transfer = _TRANSFERS[space.transfer]
    values = [min(1.0, transfer(index / (_CURVE_ENTRIES - 1))) for index in range(_CURVE_ENTRIES)]
    return (
        b"curv" + bytes(4) + struct.pack(f">I{_CURVE_ENTRIES}H", _CURVE_ENTRIES, *(round(v * 65_535) for v in values))
    )


def _tone_mapping_table(space: ColorSpace, channels: int) -> bytes:
    """A lut16Type (ICC.1:2022 section 10.10) from PQ or HLG to the Lab of what an SDR display shows.

    203 cd/m2, the reference white of ITU-R BT.2408, becomes white. Darker colors keep their luminance relative to it. A
    brighter color is scaled until its largest component is that of white, which keeps its hue.
    """
    to_srgb = product(inverse(rgb_to_xyz(BT709)), rgb_to_xyz(space.chromaticities))
    to_d50 = adapted_to_d50(BT709)
    light = [_light_at(index, space.transfer) for index in range(_GRID_POINTS)]
    colors: list[Vector]
    if channels == 1:
        colors = [(value, value, value) for value in light]
    else:
        colors = [(red, green, blue) for red in light for green in light for blue in light]
    if space.transfer == _HLG:
        luminance = rgb_to_xyz(space.chromaticities)[1]
        colors = [_hlg_display(color, luminance) for color in colors]
    encoded: list[int] = []
    for color in colors:
        encoded += _lab_16(times(to_d50, _displayed(times(to_srgb, color))))
    curve = [_position_of(index / (_CURVE_ENTRIES - 1), space.transfer) for index in range(_CURVE_ENTRIES)]
    inputs = struct.pack(f">{_CURVE_ENTRIES}H", *(round(value * 65_535) for value in curve)) * channels
    matrix = struct.pack(">9i", *(65_536 if index % 4 == 0 else 0 for index in range(9)))
    head = b"mft2" + bytes(4) + bytes([channels, 3, _GRID_POINTS, 0]) + matrix
    head += struct.pack(">HH", _CURVE_ENTRIES, 2)
    return head + inputs + struct.pack(f">{len(encoded)}H", *encoded) + struct.pack(">2H", 0, 65_535) * 3


def _white_and_peak(transfer: int) -> tuple[float, float]:
    """The linear value of reference white, and the largest one."""
    return (_REFERENCE_WHITE_NITS, 10_000.0) if transfer == _PQ else (_hlg_scene(_HLG_WHITE_SIGNAL), 1.0)


def _light_at(index: int, transfer: int) -> float:
    """The linear value at a point of the grid: white is a point, and the points below it are even to the eye."""
    white, peak = _white_and_peak(transfer)
    if index <= _WHITE_POINT:
        return white * _srgb(index / _WHITE_POINT)
    return white * pow(peak / white, (index - _WHITE_POINT) / (_GRID_POINTS - 1 - _WHITE_POINT))


def _position_of(signal: float, transfer: int) -> float:
    """Where a signal is on the grid, 0 to 1: the inverse of `_light_at`."""
    white, peak = _white_and_peak(transfer)
    relative = _TRANSFERS[transfer](signal) / white
    if relative <= 1:
        shown = 12.92 * relative if relative <= 0.0031308 else 1.055 * relative ** (1 / 2.4) - 0.055
        return shown * _WHITE_POINT / (_GRID_POINTS - 1)
    above = log(relative) / log(peak / white) * (_GRID_POINTS - 1 - _WHITE_POINT)
    return min(1.0, (_WHITE_POINT + above) / (_GRID_POINTS - 1))


def _hlg_display(scene: Vector, luminance: Vector) -> Vector:
    """ITU-R BT.2100, table 5: the OOTF with a system gamma of 1.2, in cd/m2 on a display of 1000 cd/m2."""
    y = sum(weight * value for weight, value in zip(luminance, scene, strict=True))
    factor = _HLG_PEAK_NITS * y**0.2
    return scene[0] * factor, scene[1] * factor, scene[2] * factor


def _displayed(nits: Vector) -> Vector:
    """Linear sRGB from 0 to 1 for linear light in cd/m2, in the primaries of sRGB."""
    relative = [max(0.0, value) / _REFERENCE_WHITE_NITS for value in nits]
    peak = max(1.0, *relative)
    return relative[0] / peak, relative[1] / peak, relative[2] / peak


def _lab_16(xyz: Vector) -> list[int]:
    """Lab as 16-bit numbers in the legacy encoding that lut16Type has: 100 is FF00, and 0 of a* and b* is 8000."""

    def f(value: float) -> float:
        return value ** (1 / 3) if value > 216 / 24_389 else (24_389 / 27 * value + 16) / 116

    x, y, z = (f(value / white) for value, white in zip(xyz, D50, strict=True))
    lab = ((116 * y - 16) * 652.8, (500 * (x - y) + 128) * 256, (200 * (y - z) + 128) * 256)
    return [min(65_535, max(0, round(value))) for value in lab]


def _file(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile of version 4, or of version 2 with a lut16Type: its Lab is encoded in the way of version 2."""
    tags = {b"wtpt": _xyz(D50), **tags}
    start = 128 + 4 + 12 * len(tags)
    directory, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    version = 0x02400000 if connection == b"Lab " else 0x04200000
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"", version, b"mntr", space, connection)
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(D50)[8:]
    return head.ljust(128, b"\0") + directory + body


def _xyz(values: Vector) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65_536) for value in values))
