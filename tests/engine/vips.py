"""Pictures of Pillow's as pictures of libvips', an independent implementation, and back."""

from typing import Any

import numpy as np
import pyvips
from PIL import Image

_INTERPRETATIONS = {"L": "b-w", "RGB": "srgb", "RGBA": "srgb"}


def to_vips(picture: Image.Image) -> Any:
    """A picture in L, RGB or RGBA with 8 bits per channel."""
    bands = len(picture.getbands())
    image = pyvips.Image.new_from_memory(picture.tobytes(), picture.width, picture.height, bands, "uchar")
    return image.copy(interpretation=_INTERPRETATIONS[picture.mode])


def levels(image: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Rows x columns x channels."""
    raw = image.cast("double").write_to_memory()
    return np.frombuffer(raw, np.float64).reshape(image.height, image.width, image.bands)


def channels(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Rows x columns x channels of a picture of Pillow's."""
    pixels = np.asarray(picture, np.float64)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
