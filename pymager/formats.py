"""The picture formats: their names, content types and file extensions. Needs no decoder."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """A format under the name that pymager gives it.

    `decoders` are Pillow's names for what is read as this format; `max_side` is the longest side in pixels that the
    format can be written with.
    """

    name: str
    content_type: str
    extension: str
    decoders: tuple[str, ...]
    encoder: str | None = None
    max_side: int = 65_535


_TABLE = (
    Format("jpeg", "image/jpeg", "jpg", ("JPEG", "MPO"), "JPEG", 65_500),
    Format("png", "image/png", "png", ("PNG",), "PNG"),
    Format("gif", "image/gif", "gif", ("GIF",), "GIF"),
    Format("webp", "image/webp", "webp", ("WEBP",), "WEBP", 16_383),
    Format("avif", "image/avif", "avif", ("AVIF",), "AVIF"),
    Format("heic", "image/heic", "heic", ("HEIF",)),
    Format("tiff", "image/tiff", "tiff", ("TIFF",), "TIFF"),
    Format("bmp", "image/bmp", "bmp", ("BMP",), "BMP"),
    Format("ico", "image/vnd.microsoft.icon", "ico", ("ICO",), "ICO", 256),
    Format("ppm", "image/x-portable-anymap", "ppm", ("PPM",), "PPM"),
    Format("jp2", "image/jp2", "jp2", ("JPEG2000",), "JPEG2000"),
    Format("pcx", "image/x-pcx", "pcx", ("PCX",)),
    Format("sgi", "image/sgi", "sgi", ("SGI",)),
    Format("tga", "image/x-tga", "tga", ("TGA",), "TGA"),
)

FORMATS: dict[str, Format] = {format.name: format for format in _TABLE}
"""Every format that pymager knows by name."""

BY_DECODER: dict[str, Format] = {decoder: format for format in _TABLE for decoder in format.decoders}
"""The format by Pillow's name for it."""

OUTPUTS: dict[str, Format] = {
    **{format.extension: format for format in _TABLE if format.encoder},
    "jpeg": FORMATS["jpeg"],
}
"""What can be asked for, by the extension in a derived URL (lower case). One more format is one more line above."""

_OTHERS = """
BLP CUR DCX DDS DIB FITS FLI FTEX GBR ICNS IM IMT MCIDAS MSP PCD PIXAR PSD QOI SPIDER SUN XBM XPM XVTHUMB
"""
OTHER_DECODERS = frozenset(_OTHERS.split())
"""Pillow's names for the raster formats that it reads besides, which have no name of pymager's own."""

_PLAIN = re.compile(r"[a-z0-9]{1,16}")


def content_type(name: str) -> str:
    """The media type of an original of this format; a neutral one for a format that is only Pillow's."""
    known = FORMATS.get(name)
    return known.content_type if known else "application/octet-stream"


def extension(name: str) -> str:
    """The extension of an original's key."""
    known = FORMATS.get(name)
    if known:
        return known.extension
    return name if _PLAIN.fullmatch(name) else "bin"
