"""TIFF that Pillow reads wrong or not at all: 16 bits and more, floating point, planes, associated alpha, Lab.

`pymager.engine.tiff_samples` reads the samples; this module makes a picture of them. Sections are those of TIFF 6.0;
technical notes are Adobe's for Photoshop.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine import color as colors
from pymager.engine import icc, wide
from pymager.engine.containers.container import Data, Tags
from pymager.engine.containers.tiff import CIELAB, ICCLAB, SEPARATED, WHITE_IS_ZERO
from pymager.engine.matrices import D50
from pymager.engine.tiff_samples import Array, Layout, bands, layout_of
from pymager.engine.wide import Samples

_MAX_16_BITS = 65_535


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of values that becomes 0 to 65535: `low` becomes 0, and a difference is multiplied by `factor`."""

    low: float
    high: float
    factor: float


def decode(data: Data, tags: Tags, order: str, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """The first picture of a file; also returns the profile that is left to apply.

    It is decoded and reduced to 8 bits in bands of rows, so that it never needs more memory than Pillow's picture and
    one band. Raises `ValueError` and `KeyError` for a broken file.
    """
    layout = layout_of(tags, order)
    curves = icc.curves_of(profile, layout.colors) if profile and layout.colors in (1, 3) else None
    scale = _scale(data, tags, layout)
    picture: Image.Image | None = None
    for top, values in bands(data, tags, layout):
        band = _band(values, layout, scale, curves, profile)
        if picture is None:
            picture = Image.new(band.mode, (layout.width, layout.height))
        picture.paste(band, (0, top))
    if picture is None:
        raise ValueError("the picture has no rows")
    is_converted = curves is not None or layout.photometric in (CIELAB, ICCLAB)
    is_converted = is_converted or (layout.photometric == SEPARATED and layout.alpha is not None)
    return picture, None if is_converted else profile


def _band(
    values: Array, layout: Layout, scale: Scale | None, curves: icc.Curves | None, profile: bytes | None
) -> Image.Image:
    """A band of rows as a picture with 8 bits per channel."""
    color = values[:, :, : layout.colors]
    alpha = None if layout.alpha is None else _in_16_bits(values[:, :, layout.alpha : layout.alpha + 1], scale)[:, :, 0]
    if layout.photometric in (CIELAB, ICCLAB):
        return wide.picture(_lab_to_srgb(color, layout), _bytes(alpha))
    wide_color = _in_16_bits(color, scale) if layout.palette is None else layout.palette[values[:, :, 0]]
    if layout.photometric == WHITE_IS_ZERO:
        wide_color = _MAX_16_BITS - wide_color
    if alpha is not None and layout.is_associated:
        wide_color = wide.unassociated(wide_color, alpha)
    if layout.photometric == SEPARATED:
        return _separated(wide_color, alpha, profile)
    return wide.picture(wide.reduced(wide_color, curves), _bytes(alpha))


def _separated(color: Samples, alpha: Samples | None, profile: bytes | None) -> Image.Image:
    """CMYK; with alpha it is converted here, because no mode of Pillow has both."""
    inks = Image.fromarray(np.ascontiguousarray(wide.upper_bytes(color)), "CMYK")
    if alpha is None:
        return inks
    shown = colors.converted(inks, profile, gray=False).convert("RGB")
    shown.putalpha(Image.fromarray(wide.upper_bytes(alpha)))
    return shown


def _bytes(alpha: Samples | None) -> NDArray[np.uint8] | None:
    return None if alpha is None else wide.upper_bytes(alpha)


def _in_16_bits(values: Array, scale: Scale | None) -> Samples:
    """Integers by their upper bits, signed ones of 8 and 16 bits from the lowest value on; other values by a scale."""
    if scale is not None:
        finite = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=scale.high, neginf=scale.low)
        return np.asarray(np.rint((finite - scale.low) * scale.factor), np.uint16)
    bits = values.dtype.itemsize * 8
    native = values.astype(values.dtype.newbyteorder("="))
    if values.dtype.kind == "i":
        unsigned = np.dtype(f"u{values.dtype.itemsize}")
        native = native.view(unsigned) ^ unsigned.type(1 << bits - 1)
    if bits == 8:
        return native.astype(np.uint16) * 257
    return native.astype(np.uint16) if bits == 16 else (native >> (bits - 16)).astype(np.uint16)


def _scale(data: Data, tags: Tags, layout: Layout) -> Scale | None:
    """How values become 16-bit samples that no type defines: floating point, and signed integers of 32 bits or more.

    In floating point, white is 1 if no value is larger, 255 if no value is larger than that. Integers that fit into 16
    bits are 16-bit samples. Other ranges are stretched. Values that are not a number are black.
    """
    kind, size = layout.type.kind, layout.type.itemsize
    if kind != "f" and not (kind == "i" and size >= 4):
        return None
    low, high, lowest = 0.0, 0.0, inf
    for _, values in bands(data, tags, layout):
        color = np.nan_to_num(values[:, :, : layout.colors].astype(np.float32), posinf=1.0, neginf=0.0)
        low, high = min(low, float(color.min())), max(high, float(color.max()))
        lowest = min(lowest, float(values.min()))
    if kind == "f" and low >= 0 and high <= 255:
        return Scale(0.0, 1.0 if high <= 1 else 255.0, _MAX_16_BITS if high <= 1 else 257.0)
    if kind == "i" and low >= 0 and high <= _MAX_16_BITS:
        return Scale(0.0, float(_MAX_16_BITS), 1.0)
    low = lowest if kind == "i" else low
    return Scale(low, high, _MAX_16_BITS / max(high - low, 1e-30))


def _lab_to_srgb(values: Array, layout: Layout) -> NDArray[np.uint8]:
    """CIE L*a*b* relative to D50 (section 23; technical note 1 for ICCLAB): signed a* and b*, or with an offset."""
    small = values.dtype.itemsize == 1
    lightness = values[:, :, 0].astype(np.float32) * (
        100 / (255 if small else 65_280 if layout.photometric == ICCLAB else 65_535)
    )
    chroma = values[:, :, 1:].astype(values.dtype.newbyteorder("="))
    if layout.photometric == ICCLAB:
        a_b = chroma.astype(np.float32) - 128 if small else chroma.astype(np.float32) / 256 - 128
    else:
        a_b = chroma.view(np.int8).astype(np.float32) if small else chroma.view(np.int16).astype(np.float32) / 256
    y = (lightness + 16) / 116
    axes = (y + a_b[:, :, 0] / 500, y, y - a_b[:, :, 1] / 200)
    xyz = np.stack(
        [
            white * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
            for white, f in zip(D50, axes, strict=True)
        ],
        axis=2,
    )
    return icc.encoded((xyz @ icc.XYZ_D50_TO_SRGB.T).astype(np.float32))
