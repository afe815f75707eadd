"""Decodes originals: from an open file to pixels, and what has to be known of them."""

import hashlib
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image, ImageFile

from pymager.engine import colorspace, depth, orient, png8, webp
from pymager.engine.colorspace import ColorSpace
from pymager.engine.containers import tiff as containers_tiff
from pymager.engine.containers.container import Box, Container
from pymager.engine.containers.jpeg import END
from pymager.engine.original import OpenOriginal

_GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_WIDE_PNG_MODES = frozenset({"I;16B", "RGB;16B", "RGBA;16B", "LA;16B"})
_GRAY_PNG_MODES = frozenset({"LA;16B"})
_NARROW_GRAY_FACTORS = {"L;2": 85, "L;4": 17}
"""What a sample of 2 or 4 bits is multiplied by to have 8."""
_FILLS = (1, 0)
"""Values of samples in every mode. Files that end early are rare, and a last row of ones too."""
_FILLER = b"\x5a\xa5" * 4_096
"""Bytes that decode as no plain color."""
_MAX_DRAWN_SIDE = 1_024
"""The longer side in pixels of an SVG that is decoded as a whole."""
_MAX_COMPARED_PIXELS = 16_000_000
_MAX_PRECISE_PIXELS = 24_000_000
"""The largest PNG of 16 bits whose lower bytes are used: they need three times the memory."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded picture. `profile` is the ICC profile that is left to apply, `orientation` EXIF's, 1 to 8.

    `gray` says whether the original is gray, also if its pixels are stored as RGB. `frame_area` is the part of the
    canvas that a GIF's first frame covers; None in other formats.
    """

    picture: Image.Image
    profile: bytes | None
    orientation: int
    gray: bool
    frame_area: Box | None = None


def decode(original: OpenOriginal, *, verify: bool = False) -> Decoded:
    """Decode the first picture completely. Raises what a decoder raises.

    An SVG is drawn with at most 1024 pixels on its longer side. With `verify`, it also raises `OSError` for missing
    pixels that a decoder does not notice.
    """
    picture, container = original.picture, original.container
    if container.vector is not None:
        width, height = original.size
        scale = min(1.0, _MAX_DRAWN_SIDE / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        return draw(original, (0, 0, width, height), size)
    if picture is None:
        return _decode_tiff(original)
    if original.format == "png":
        return _decode_png(picture, original, verify)
    if original.format == "webp" and (still := webp.decode(picture, original.file)) is not None:
        return Decoded(still, _profile(picture, container, gray=False), _orientation(picture, original), gray=False)
    if original.format == "ico":
        return Decoded(_decode_icon(picture, verify), None, 1, gray=False)
    frame_area = picture.tile[0].extents if picture.format == "GIF" else None
    gray = picture.mode in _GRAY_MODES
    picture.load()  # first, because some formats have the orientation, the profile or even the size at their end
    _check_palette(picture)
    decoded = Decoded(
        picture, _profile(picture, container, gray=gray), _orientation(picture, original), gray, frame_area
    )
    if picture.mode.startswith("I;16") and decoded.profile:
        decoded = _narrowed(decoded)
    if container.crop is not None and picture.format == "AVIF":  # the HEIC decoder crops by itself
        decoded = replace(decoded, picture=picture.crop(container.crop))
    return decoded


def draw(original: OpenOriginal, box: tuple[float, float, float, float], size: tuple[int, int]) -> Decoded:
    """Draw a part of an SVG, in pixels of its size, in so many pixels. Raises what resvg raises."""
    from pymager.engine.svg import raster

    assert original.container.vector is not None
    return Decoded(raster.draw(original.container.vector, box, size), None, 1, gray=False)


def decode_jpeg(original: OpenOriginal, factor: int = 1) -> Decoded:
    """Decode a JPEG at 1/`factor` of its size (1, 2, 4 or 8)."""
    picture = original.picture
    assert picture is not None
    width, height = picture.size
    gray = picture.mode in _GRAY_MODES
    decoded = Decoded(picture, _profile(picture, original.container, gray=gray), _orientation(picture, original), gray)
    if factor > 1:
        picture.draft(None, (max(1, width // factor), max(1, height // factor)))
    picture.load()
    if factor > 1:
        _extend_edges(picture, width % factor, height % factor)
    return decoded


def can_be_reduced(original: OpenOriginal) -> bool:
    """Whether the picture can be decoded at a fraction of its size: a JPEG that is not lossless."""
    return original.format == "jpeg" and not original.container.lossless


def check_jpeg_pixels(original: OpenOriginal) -> None:
    """Raises `OSError` if a JPEG without an end marker lacks pixels.

    Pixels that are missing become what follows the data. So they are there if other bytes after the data change
    nothing.
    """
    shown = []
    for filler in (b"", _FILLER):
        with Image.open(BytesIO(original.data[:] + filler + END), formats=("JPEG", "MPO")) as picture:
            if picture.size[0] * picture.size[1] > _MAX_COMPARED_PIXELS:
                picture.draft(None, (1, 1))
            shown.append(hashlib.sha256(picture.tobytes()).digest())
    if shown[0] != shown[1]:
        raise OSError("pixels are missing")


def upright_orientation(original: OpenOriginal) -> int:
    """The orientation of a JPEG, which is known before it is decoded."""
    assert original.picture is not None
    return _orientation(original.picture, original)


def _profile(picture: ImageFile.ImageFile, container: Container, *, gray: bool) -> bytes | None:
    """The ICC profile of the picture, made of numbers if the file describes its colors by numbers."""
    color = container.color
    if isinstance(color, ColorSpace):
        return colorspace.profile(color, gray=gray)
    if color is not None:
        return color or None
    profile = picture.info.get("icc_profile")
    return profile if isinstance(profile, bytes) else None


def _orientation(picture: ImageFile.ImageFile, original: OpenOriginal) -> int:
    """The orientation by which browsers turn the picture: they ignore the EXIF of WebP."""
    if original.format == "webp":
        return 1
    exif = original.container.exif
    return orient.orientation_in(picture.info.get("exif") if exif is None else exif)


def _extend_edges(picture: ImageFile.ImageFile, right: int, bottom: int) -> None:
    """Replace an edge that is partly padding: a reduced decode mixes the rest of the last block into it."""
    width, height = picture.size
    if right and width > 1:
        picture.paste(picture.crop((width - 2, 0, width - 1, height)), (width - 1, 0))
    if bottom and height > 1:
        picture.paste(picture.crop((0, height - 2, width, height - 1)), (0, height - 1))


def _decode_png(picture: ImageFile.ImageFile, original: OpenOriginal, verify: bool) -> Decoded:
    raw = str(picture.tile[0].args) if picture.tile else ""
    verify = not png8.load(picture, original.file) and verify
    if verify:
        _fill(picture, _FILLS[0])
    gray = picture.mode in _GRAY_MODES or raw in _GRAY_PNG_MODES
    profile = _profile(picture, original.container, gray=gray)
    transparent = picture.info.get("transparency")
    orientation = _orientation(picture, original)
    few_pixels = picture.size[0] * picture.size[1] <= _MAX_PRECISE_PIXELS
    if raw in _WIDE_PNG_MODES and few_pixels and (profile or transparent is not None):
        from pymager.engine import png16  # loads numpy

        narrow, profile = png16.decode(picture, original.file, profile)
        decoded = Decoded(narrow, profile, orientation, gray)
    else:
        picture.load()
        _check_palette(picture)
        decoded = Decoded(_with_narrow_transparency(picture, raw), profile, orientation, gray)
    if verify and _lacks_rows(picture, _FILLS[0]):
        original.file.seek(0)
        with Image.open(original.file, formats=("PNG",)) as again:
            _check_once_more(again)
    return decoded


def _check_palette(picture: Image.Image) -> None:
    """Raises `ValueError` for indexes without a palette, which some decoders return for broken files."""
    if picture.mode in ("P", "PA") and picture.palette is None:
        raise ValueError("the palette is missing")


def _with_narrow_transparency(picture: ImageFile.ImageFile, raw: str) -> Image.Image:
    """A transparent color that has as many bits as the pixels: tRNS has it with the number of bits of the file."""
    transparent = picture.info.get("transparency")
    if picture.mode == "P" or transparent is None:
        return picture
    if raw not in _WIDE_PNG_MODES:
        picture.info["transparency"] = (
            transparent * _NARROW_GRAY_FACTORS.get(raw, 1) if isinstance(transparent, int) else transparent
        )
        return picture
    narrow = depth.upper_bytes(picture) if isinstance(transparent, int) else picture
    narrow.info["transparency"] = (
        transparent >> 8 if isinstance(transparent, int) else tuple(value >> 8 for value in transparent)
    )
    return narrow


def _fill(picture: ImageFile.ImageFile, value: int) -> None:
    """Give a picture that is not loaded its pixels: a decoder that stops early leaves them as they are."""
    picture.im = Image.new(picture.mode, picture.size, _color(picture, value)).im


def _lacks_rows(picture: Image.Image, value: int) -> bool:
    """Whether one of the last two rows looks as it was filled: of an interlaced picture they come from two passes."""
    width, height = picture.size
    empty = Image.new(picture.mode, (width, 1), _color(picture, value)).tobytes()
    return any(picture.crop((0, row, width, row + 1)).tobytes() == empty for row in range(max(0, height - 2), height))


def _color(picture: Image.Image, value: int) -> int | tuple[int, ...]:
    bands = len(picture.getbands())
    return value if bands == 1 else (value,) * bands


def _check_once_more(picture: ImageFile.ImageFile) -> None:
    """Raises `OSError` if a row that looked as it was filled changes with the filling; else it looked so by chance."""
    _fill(picture, _FILLS[1])
    picture.load()
    if _lacks_rows(picture, _FILLS[1]):
        raise OSError("pixels are missing")


def _narrowed(decoded: Decoded) -> Decoded:
    """Apply the profile to gray of 16 bits before it is reduced to 8."""
    from pymager.engine import wide  # loads numpy

    narrow, profile = wide.narrowed(wide.samples_of(decoded.picture), decoded.profile)
    return replace(decoded, picture=wide.picture(narrow, None), profile=profile)


def _decode_icon(picture: ImageFile.ImageFile, verify: bool) -> Image.Image:
    from pymager.engine import ico  # loads Pillow's plug-in for icons

    frame = ico.frame(picture)
    if verify and isinstance(frame, ImageFile.ImageFile) and frame.format == "PNG":
        _fill(frame, _FILLS[0])
        frame.load()
        if _lacks_rows(frame, _FILLS[0]):
            _check_once_more(ico.frame(picture))  # type: ignore[arg-type]
    return ico.with_mask(picture, frame)


def _decode_tiff(original: OpenOriginal) -> Decoded:
    from pymager.engine import tiff  # loads numpy

    assert original.container.directory is not None
    tags, order = original.container.directory
    profile = containers_tiff.profile_of(original.data, tags)
    picture, left = tiff.decode(original.data, tags, order, profile)
    orientation = tags.get(containers_tiff.ORIENTATION, (1,))[0]
    gray = tags.get(containers_tiff.PHOTOMETRIC, (containers_tiff.WHITE_IS_ZERO,))[0] in (
        containers_tiff.WHITE_IS_ZERO,
        containers_tiff.BLACK_IS_ZERO,
    )
    return Decoded(picture, left, orientation if 1 <= orientation <= 8 else 1, gray)
