"""PNG of 16 bits per channel: Pillow's decoder gives only the upper byte of each sample."""

from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from pymager.engine import wide
from pymager.engine.wide import Samples

_LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
_RAW_GRAY_ALPHA = "LA;16B"


def decode(picture: ImageFile.ImageFile, file: IO[bytes], profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Decode a picture that `file` has too, to read it once more; also returns the profile that is left to apply."""
    raw = picture.tile[0].args
    transparent = picture.info.pop("transparency", None)
    if picture.mode.startswith("I;16"):
        picture.load()
        return _narrowed(wide.samples_of(picture), transparent, None, profile)
    if raw == _RAW_GRAY_ALPHA:
        picture.tile = [picture.tile[0]._replace(args="RGBA")]  # the two bytes of gray, then those of alpha
        picture.load()
        parts = np.asarray(picture)
        gray: Samples = (parts[:, :, 0].astype(np.uint16) << 8 | parts[:, :, 1])[:, :, None].astype(np.uint16)
        return _narrowed(gray, None, parts[:, :, 2], profile)
    picture.load()
    high = np.asarray(picture)
    samples = high.astype(np.uint16) << 8 | _low_bytes(file, _LOW_BYTES[str(raw)])
    return _narrowed(
        np.asarray(samples[:, :, :3], np.uint16),
        transparent,
        high[:, :, 3] if picture.mode == "RGBA" else None,
        profile,
    )


def _low_bytes(file: IO[bytes], raw: str) -> NDArray[np.uint8]:
    file.seek(0)
    with Image.open(file, formats=("PNG",)) as again:
        again.tile = [again.tile[0]._replace(args=raw)]
        again.load()
        return np.asarray(again)


def _narrowed(
    samples: Samples, transparent: object, alpha: NDArray[np.uint8] | None, profile: bytes | None
) -> tuple[Image.Image, bytes | None]:
    if transparent is not None:
        alpha = np.where(np.all(samples == np.array(transparent, np.uint16), axis=2), 0, 255).astype(np.uint8)
    color, left = wide.narrowed(samples, profile)
    return wide.picture(color, alpha), left
