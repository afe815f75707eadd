"""Colors: variants are in sRGB, whatever the color space of the original is."""

from functools import lru_cache
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from pymager.engine.step import StepContext

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

_MAX_PROFILE_BYTES = 4 << 20
_COLOR_GRID = bytes(level for color in product(range(0, 256, 51), repeat=3) for level in color)
_ROUNDING_ERROR = 2


def to_srgb(picture: Image.Image, context: StepContext) -> Image.Image:
    """Apply the picture's ICC profile. A profile that is broken, or for another color space, is ignored."""
    return converted(picture, context.profile, gray=context.gray)


def converted(picture: Image.Image, profile: bytes | None, *, gray: bool) -> Image.Image:
    """The picture in sRGB. A gray picture can have a profile for gray or for RGB."""
    if not profile or len(profile) > _MAX_PROFILE_BYTES or picture.mode not in ("L", "RGB", "RGBA", "CMYK"):
        return picture
    space = profile[16:20].decode("latin-1").strip()
    if space == "GRAY" and not gray:
        return picture
    if space == "RGB" and picture.mode == "L":
        picture = picture.convert("RGB")
    if space != ("CMYK" if picture.mode == "CMYK" else "GRAY" if space == "GRAY" and gray else "RGB"):
        return picture
    transform = _transform(profile, space)
    if transform is None:
        return picture
    if picture.mode == "L":
        return transform.apply(picture).getchannel(0)
    if picture.mode != "RGBA":
        return transform.apply(picture) if space != "GRAY" else transform.apply(picture.getchannel("R"))
    shown = transform.apply(picture.getchannel("R") if space == "GRAY" else picture.convert("RGB"))
    shown.putalpha(picture.getchannel("A"))
    return shown


def to_rgb(picture: Image.Image, context: StepContext) -> Image.Image:
    """Convert CMYK without a profile by R = (255 - C)(255 - K) / 255 and so on, and CIELAB by its definition."""
    return picture.convert("RGB") if picture.mode in ("CMYK", "LAB") else picture


@lru_cache(maxsize=8)
def _transform(profile: bytes, space: str) -> "ImageCmsTransform | None":
    """The transform from a profile to sRGB; None if it would change nothing, or if the profile cannot be used."""
    from PIL import ImageCms  # slow to import, and most pictures have no profile

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.xcolor_space.strip() != space:
            return None
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        # The optimization samples a table anew, which moves white: it is a point of our own tables for PQ and HLG.
        flags = (
            ImageCms.Flags.NOOPTIMIZE if profile[128:512].find(b"A2B0") >= 0 and space != "CMYK" else ImageCms.Flags(0)
        )
        transform = ImageCms.ImageCmsTransform(source, srgb, "L" if space == "GRAY" else space, "RGB", flags=flags)
        return None if space == "RGB" and _is_identity(transform) else transform
    except Exception:  # ImageCms raises almost anything, and the picture can be shown without its profile
        return None


def _is_identity(transform: "ImageCmsTransform") -> bool:
    """Whether the profile is sRGB, whatever its name is: no color of a grid changes by more than rounding."""
    grid = Image.frombytes("RGB", (len(_COLOR_GRID) // 3, 1), _COLOR_GRID)
    return max(ImageChops.difference(grid, transform.apply(grid)).tobytes()) <= _ROUNDING_ERROR
