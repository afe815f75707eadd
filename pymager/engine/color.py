"""Colors: a variant is in sRGB, whatever color space its original has."""

from functools import lru_cache
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from pymager.engine.step import StepContext

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_MAX_PROFILE_BYTES = 4 << 20
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK", "L": "GRAY"}
_PROBE = bytes(level for color in product(range(0, 256, 51), repeat=3) for level in color)
_MAX_ROUNDING_ERROR = 2


def to_srgb(picture: Image.Image, context: StepContext) -> Image.Image:
    """Apply the picture's ICC profile; a profile that is broken, or for another color space, is ignored."""
    space = _SPACES.get(picture.mode)
    if not context.profile or not space or len(context.profile) > _MAX_PROFILE_BYTES:
        return picture
    transform = _transform(context.profile, space)
    if transform is None:
        return picture
    if picture.mode == "RGBA":
        converted = transform.apply(picture.convert("RGB"))
        converted.putalpha(picture.getchannel("A"))
        return converted
    converted = transform.apply(picture)
    return converted.getchannel(0) if space == "GRAY" else converted


def to_rgb(picture: Image.Image, context: StepContext) -> Image.Image:
    """Convert CMYK without a profile by R = (255 - C)(255 - K) / 255 and so on; CIELAB by its definition."""
    return picture.convert("RGB") if picture.mode in ("CMYK", "LAB") else picture


@lru_cache(maxsize=8)
def _transform(profile: bytes, space: str) -> "ImageCmsTransform | None":
    """The transform from the profile's space to sRGB; None if it changes nothing, or is not possible."""
    from PIL import ImageCms  # slow to import, and most pictures have no profile

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.xcolor_space.strip() != space:
            return None
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        transform = ImageCms.ImageCmsTransform(source, srgb, "L" if space == "GRAY" else space, "RGB")
        return None if space == "RGB" and _changes_nothing(transform) else transform
    except Exception:  # ImageCms raises almost everything too, and the profile is optional
        return None


def _changes_nothing(transform: "ImageCmsTransform") -> bool:
    """Whether the profile is that of sRGB, under whatever name: no color of a grid changes by more than rounding."""
    probe = Image.frombytes("RGB", (len(_PROBE) // 3, 1), _PROBE)
    return max(ImageChops.difference(probe, transform.apply(probe)).tobytes()) <= _MAX_ROUNDING_ERROR
