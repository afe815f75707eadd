"""Pictures with more than 8 bits per channel: colors are converted before the picture is reduced to 8 bits."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine import icc

Samples = NDArray[np.uint16]


def narrowed(samples: Samples, profile: bytes | None) -> tuple[NDArray[np.uint8], bytes | None]:
    """Rows x columns x channels (1 or 3) with 8 bits, in sRGB if possible; also the profile that is left to apply."""
    curves = icc.curves_of(profile, samples.shape[2]) if profile else None
    return reduced(samples, curves), profile if curves is None else None


def reduced(samples: Samples, curves: icc.Curves | None) -> NDArray[np.uint8]:
    """Samples with 8 bits, in sRGB if there are curves."""
    return upper_bytes(samples) if curves is None else icc.to_srgb(samples, curves)


def upper_bytes(samples: Samples) -> NDArray[np.uint8]:
    """The upper byte of each sample."""
    return (samples >> 8).astype(np.uint8)


def picture(color: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> Image.Image:
    """A picture in L, RGB or RGBA from rows x columns x channels, and rows x columns of an alpha channel."""
    if alpha is None:
        return Image.fromarray(np.ascontiguousarray(color[:, :, 0] if color.shape[2] == 1 else color))
    return Image.fromarray(np.dstack([color, alpha] if color.shape[2] == 3 else [color, color, color, alpha]))


def unassociated(color: Samples, alpha: Samples) -> Samples:
    """Divide premultiplied samples by their alpha."""
    divisor = np.maximum(alpha, 1).astype(np.uint32)[:, :, None]
    quotient = (color.astype(np.uint64) * 65_535 + divisor // 2) // divisor
    result: Samples = np.minimum(quotient, 65_535).astype(np.uint16)
    return result


def samples_of(picture: Image.Image) -> Samples:
    """The samples of a picture in one of Pillow's modes for gray of 16 bits, as rows x columns x 1."""
    order = ">" if picture.mode == "I;16B" else "<"
    width, height = picture.size
    return np.frombuffer(picture.tobytes("raw", picture.mode), f"{order}u2").reshape(height, width, 1)
