"""Colours: whatever the original's are, a derived picture's are sRGB."""

from functools import lru_cache
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from pymager.engine.step import StepContext

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_LARGEST_PROFILE = 4 << 20
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK", "L": "GRAY"}
_PROBE = bytes(level for colour in product(range(0, 256, 51), repeat=3) for level in colour)
_ROUNDING = 2


def to_srgb(picture: Image.Image, task: StepContext) -> Image.Image:
    """Apply the picture's ICC profile; one that is broken, or of another kind than the picture, is ignored."""
    space = _SPACES.get(picture.mode)
    if not task.profile or not space or len(task.profile) > _LARGEST_PROFILE:
        return picture
    transform = _transform(task.profile, space)
    if transform is None:
        return picture
    if picture.mode == "RGBA":
        converted = transform.apply(picture.convert("RGB"))
        converted.putalpha(picture.getchannel("A"))
        return converted
    converted = transform.apply(picture)
    return converted.getchannel(0) if space == "GRAY" else converted


def to_rgb(picture: Image.Image, task: StepContext) -> Image.Image:
    """CMYK without a profile by the plain formula, R = (255 - C)(255 - K) / 255 and so on; CIELAB by its definition."""
    return picture.convert("RGB") if picture.mode in ("CMYK", "LAB") else picture


@lru_cache(maxsize=8)
def _transform(profile: bytes, space: str) -> "ImageCmsTransform | None":
    """How to get from the profile's space to sRGB; None where there is nothing to do or it can't be done."""
    from PIL import ImageCms  # takes a while, and most pictures have no profile

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.xcolor_space.strip() != space:
            return None
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(source, srgb, "L" if space == "GRAY" else space, "RGB")
        return None if space == "RGB" and _changes_nothing(transform) else transform
    except Exception:  # ImageCms raises nearly everything too, and the picture can do without
        return None


def _changes_nothing(transform: "ImageCmsTransform") -> bool:
    """Whether the profile is sRGB's, under whatever name: no colour of a grid changes by more than rounding does."""
    probe = Image.frombytes("RGB", (len(_PROBE) // 3, 1), _PROBE)
    return max(ImageChops.difference(probe, transform.apply(probe)).tobytes()) <= _ROUNDING
