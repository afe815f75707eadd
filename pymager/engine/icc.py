"""Reads ICC profiles that are a matrix and curves, or one gray curve (ICC.1:2022 sections 8.3.3 and 8.4.3).

The color management module behind Pillow has 8 bits per channel. With these, pictures of 16 bits are converted before
they are reduced to 8.
"""

from dataclasses import dataclass
from functools import lru_cache
from struct import error as struct_error
from struct import unpack_from

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LEVELS = 65_536
XYZ_D50_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]],
    np.float32,
)
"""From XYZ adapted to D50 to linear sRGB (the inverse of sRGB's primaries in IEC 61966-2-1, adapted by Bradford)."""
_BAND_SAMPLES = 1 << 20


@dataclass(frozen=True, slots=True)
class Curves:
    """From 16-bit samples to linear light (a table for each channel), and from there to linear sRGB."""

    tables: tuple[Floats, ...]
    to_srgb: Floats | None


@lru_cache(maxsize=8)
def curves_of(profile: bytes, channels: int) -> Curves | None:
    """The curves of a profile for pictures with 1 or 3 channels; None if it has another form, or is broken."""
    try:
        tags = _tags(profile)
        space = profile[16:20]
        if space == b"GRAY" and channels == 1 and b"A2B0" not in tags:
            return Curves((_table(profile, tags[b"kTRC"]),), None)
        if space != b"RGB " or channels != 3 or b"A2B0" in tags:
            return None
        tables = tuple(_table(profile, tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        columns = [unpack_from(">3i", profile, tags[name] + 8) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (struct_error, KeyError, IndexError, ValueError):
        return None
    matrix = np.array(columns, np.float32).T / 65_536
    return Curves(tables, (XYZ_D50_TO_SRGB @ matrix).astype(np.float32))


def to_srgb(samples: NDArray[np.uint16], curves: Curves) -> NDArray[np.uint8]:
    """Convert rows x columns x channels of 16 bits to sRGB of 8 bits."""
    out = np.empty(samples.shape, np.uint8)
    rows = max(1, _BAND_SAMPLES // max(1, samples.shape[1] * samples.shape[2]))
    for top in range(0, samples.shape[0], rows):
        band = samples[top : top + rows]
        light = np.stack([table[band[:, :, index]] for index, table in enumerate(curves.tables)], axis=2)
        if curves.to_srgb is not None:
            light = light @ curves.to_srgb.T
        out[top : top + rows] = encoded(light)
    return out


def encoded(light: Floats) -> NDArray[np.uint8]:
    """Linear light, 0 to 1, as sRGB of 8 bits (IEC 61966-2-1)."""
    index = np.rint(np.clip(light, 0, 1) * (_LEVELS - 1)).astype(np.uint16)
    shown: NDArray[np.uint8] = srgb_table()[index]
    return shown


@lru_cache(maxsize=1)
def srgb_table() -> NDArray[np.uint8]:
    """The level of sRGB, 0 to 255, for each value of linear light, 0 to 65,535."""
    light = np.linspace(0, 1, _LEVELS)
    shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(shown * 255), np.uint8)


def _tags(profile: bytes) -> dict[bytes, int]:
    (count,) = unpack_from(">I", profile, 128)
    if count > 100:
        raise ValueError(count)
    return {profile[at : at + 4]: unpack_from(">I", profile, at + 4)[0] for at in range(132, 132 + 12 * count, 12)}


def _table(profile: bytes, at: int) -> Floats:
    """A curve as 65,536 values (sections 10.6 curveType and 10.18 parametricCurveType). Raises `ValueError`."""
    x = np.linspace(0, 1, _LEVELS)
    kind = profile[at : at + 4]
    if kind == b"curv":
        (count,) = unpack_from(">I", profile, at + 8)
        if count == 0:
            return x.astype(np.float32)
        if count > _LEVELS:
            raise ValueError(count)
        values = unpack_from(f">{count}H", profile, at + 12)
        if count == 1:
            return np.asarray(np.power(x, values[0] / 256), np.float32)
        return np.asarray(np.interp(x, np.linspace(0, 1, count), np.array(values) / 65_535), np.float32)
    if kind != b"para":
        raise ValueError(kind)
    (function,) = unpack_from(">H", profile, at + 8)
    names = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}[function]
    p = dict(zip(names, (value / 65_536 for value in unpack_from(f">{len(names)}i", profile, at + 12)), strict=True))
    g, a, b, c = p["g"], p.get("a", 1.0), p.get("b", 0.0), p.get("c", 0.0)
    power = np.maximum(a * x + b, 0) ** g
    if function == 0:
        y = power
    elif function in (1, 2):
        offset = c if function == 2 else 0.0
        y = np.where(x >= (-b / a if a else 0), power + offset, offset)
    else:
        y = np.where(x >= p["d"], power + p.get("e", 0.0), c * x + p.get("f", 0.0))
    return np.asarray(np.clip(np.nan_to_num(y), 0, 1), np.float32)
