"""The picture formats. One row of the table has everything that pymager knows of a format. Needs no decoder.

To read a format, a row names Pillow's decoders, the modules that register them, and the signatures by which the
container walk recognizes a file. To write a format, a row has an `Output`. A format without a row can still be accepted
by Pillow's name.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, Literal

_GRAY_RGB = ("L", "RGB")
_GRAY_RGB_ALPHA = ("L", "RGB", "RGBA")
_BULKY_MAX_PIXELS = 2048 * 2048  # up to 13 MB of BMP or PPM, 17 MB of TGA, 23 MB of TIFF
_XML_STARTS = (b"<svg", b"<!DOCTYPE svg", b"<", b" ", b"\t", b"\n", b"\r", b"\xef\xbb", b"\xff\xfe", b"\xfe\xff")
"""The walker finds out whether it is SVG. XML can begin with white space or a byte order mark."""
_TIFF_PREDICTOR_TAG = 317  # 2: store the difference to the pixel on the left; half the size in the same time


KeepMetadata = Literal["none", "copyright"]
JpegCoding = Literal["baseline", "optimized", "progressive"]
Subsampling = Literal["4:2:0", "4:4:4"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How variants are encoded. Every field is also a setting of the same name; numbers are on Pillow's scales.

    `background` is red, green and blue, 0 to 255 each. `jpeg_coding` is standard Huffman tables, tables made for the
    picture, or these and several scans. `keep_metadata` says what of an original's metadata its variants have.
    """

    jpeg_quality: int = 80
    jpeg_coding: JpegCoding = "baseline"
    jpeg_subsampling: Subsampling = "4:2:0"
    webp_quality: int = 78
    webp_method: int = 4
    avif_quality: int = 60
    avif_speed: int = 8
    avif_subsampling: Subsampling = "4:2:0"
    jp2_quality: int = 40
    jxl_quality: int = 80
    jxl_effort: int = 4
    background: tuple[int, int, int] = (255, 255, 255)
    keep_metadata: KeepMetadata = "none"


SaveOptions = Callable[[Encoding, tuple[int, int]], dict[str, Any]]
"""Makes the options of Pillow's `Image.save` for a picture, given its width and height in pixels."""


_JPEG_CODINGS: Mapping[str, Mapping[str, bool]] = {
    "baseline": {},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
}


def _subsampled(subsampling: Subsampling) -> dict[str, str]:
    """The option of Pillow's encoders. 4:2:0 is their default."""
    return {} if subsampling == "4:2:0" else {"subsampling": subsampling}


def _no_options(encoding: Encoding, size: tuple[int, int]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Signature:
    """The bytes by which a file is recognized: `magic` at `offset`.

    `walker` is the function in `pymager.engine.containers` that walks such a file: `module` (its function `walk`) or
    `module.function`.
    """

    offset: int
    magic: bytes
    walker: str


@dataclass(frozen=True, slots=True)
class Output:
    """How a format is written.

    `encoder` is Pillow's name. `modes` are the modes among Pillow's L, RGB and RGBA that it accepts, narrowest first.
    `max_side` is the longest possible side in pixels. `max_pixels` limits a variant whose size a client can choose
    freely; None for formats that compress well. `settings` are the fields of `Encoding` that change its bytes,
    in addition to the background. `later_settings` are further ones, which came later: to keep the recipes of earlier
    versions, they are part of the recipe only if they differ from their default. `quality_setting` is the one that the
    option `q` overrides, if the format has a quality. `version` increases when the encoder gives other bytes for this
    format only. `palette` says that it has at most 256 colors, `animated` that it can hold an animation, `metadata`
    that it can hold EXIF and XMP, and `negotiable` that the extension `auto` can stand for it, for a client that names
    it.
    """

    encoder: str
    modes: tuple[str, ...]
    max_side: int = 65_535
    max_pixels: int | None = None
    settings: tuple[str, ...] = ()
    later_settings: tuple[str, ...] = ()
    quality_setting: str = ""
    options: SaveOptions = _no_options
    version: int = 1
    palette: bool = False
    animated: bool = False
    negotiable: bool = False
    metadata: bool = False

    @property
    def has_transparency(self) -> bool:
        """Whether transparent pixels stay transparent. Otherwise the background is visible through them."""
        return "RGBA" in self.modes


@dataclass(frozen=True, slots=True)
class Extra:
    """An extra of the package pymager that installs a codec: its name, and a module that it installs."""

    name: str
    module: str

    @property
    def is_installed(self) -> bool:
        """Whether it is installed here. Imports nothing."""
        return _is_installed(self.module)


@cache
def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


@dataclass(frozen=True, slots=True)
class Format:
    """A format, under pymager's name for it.

    `decoders` maps the names of Pillow's decoders for it to the modules that register them. `signatures` is empty if
    its decoder is safe without a container walk. `output` is None for a format that pymager only reads. `extra`
    installs the codec, if it is optional.
    """

    name: str
    content_type: str
    extension: str
    decoders: Mapping[str, str] = field(hash=False)
    signatures: tuple[Signature, ...] = ()
    output: Output | None = None
    extra: Extra | None = None

    @property
    def is_installed(self) -> bool:
        """Whether its codec is installed here."""
        return self.extra is None or self.extra.is_installed


_TABLE = (
    Format(
        "jpeg",
        "image/jpeg",
        "jpg",
        {"JPEG": "PIL.JpegImagePlugin", "MPO": "PIL.MpoImagePlugin"},
        (Signature(0, b"\xff\xd8\xff", "jpeg"),),
        Output(
            "JPEG",
            _GRAY_RGB,
            max_side=65_500,
            settings=("jpeg_quality",),
            later_settings=("jpeg_coding", "jpeg_subsampling"),
            quality_setting="jpeg_quality",
            metadata=True,
            options=lambda encoding, size: {
                "quality": encoding.jpeg_quality,
                **_JPEG_CODINGS[encoding.jpeg_coding],
                **_subsampled(encoding.jpeg_subsampling),
            },
        ),
    ),
    Format(
        "png",
        "image/png",
        "png",
        {"PNG": "PIL.PngImagePlugin"},
        (Signature(0, b"\x89PNG\r\n\x1a\n", "png"),),
        # Small variants and animations: others are written by pymager.engine.png_writer, which has no level.
        Output(
            "PNG",
            _GRAY_RGB_ALPHA,
            options=lambda encoding, size: {"compress_level": 4},
            version=2,
            animated=True,
            metadata=True,
        ),
    ),
    Format(
        "gif",
        "image/gif",
        "gif",
        {"GIF": "PIL.GifImagePlugin"},
        (Signature(0, b"GIF8", "gif"),),
        Output("GIF", _GRAY_RGB_ALPHA, palette=True, animated=True),
    ),
    Format(
        "webp",
        "image/webp",
        "webp",
        {"WEBP": "PIL.WebPImagePlugin"},
        (Signature(8, b"WEBP", "webp"),),
        Output(
            "WEBP",
            _GRAY_RGB_ALPHA,
            max_side=16_383,
            negotiable=True,
            settings=("webp_quality", "webp_method"),
            quality_setting="webp_quality",
            animated=True,
            metadata=True,
            options=lambda encoding, size: {"quality": encoding.webp_quality, "method": encoding.webp_method},
        ),
    ),
    Format(
        "avif",
        "image/avif",
        "avif",
        {"AVIF": "PIL.AvifImagePlugin"},
        (Signature(4, b"ftyp", "isobmff"),),
        Output(
            "AVIF",
            _GRAY_RGB_ALPHA,
            max_side=32_768,  # libavif, which browsers use too, decodes no longer side
            negotiable=True,
            settings=("avif_quality", "avif_speed"),
            later_settings=("avif_subsampling",),
            quality_setting="avif_quality",
            animated=True,
            metadata=True,
            options=lambda encoding, size: {
                "quality": encoding.avif_quality,
                "speed": encoding.avif_speed,
                "max_threads": 1,
                **_subsampled(encoding.avif_subsampling),
            },
        ),
    ),
    Format(
        "heic",
        "image/heic",
        "heic",
        {"HEIF": "pymager.engine.heif"},
        (Signature(4, b"ftyp", "isobmff"),),
        extra=Extra("heif", "pi_heif"),
    ),
    Format(
        "tiff",
        "image/tiff",
        "tiff",
        {"TIFF": "PIL.TiffImagePlugin"},
        tuple(Signature(0, magic, "tiff") for magic in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
        Output(
            "TIFF",
            _GRAY_RGB_ALPHA,
            metadata=True,
            max_pixels=_BULKY_MAX_PIXELS,
            options=lambda encoding, size: {"compression": "tiff_lzw", "tiffinfo": {_TIFF_PREDICTOR_TAG: 2}},
        ),
    ),
    Format(
        "bmp",
        "image/bmp",
        "bmp",
        {"BMP": "PIL.BmpImagePlugin"},
        (Signature(0, b"BM", "bmp"),),
        Output("BMP", _GRAY_RGB, max_pixels=_BULKY_MAX_PIXELS),
    ),
    Format(
        "ico",
        "image/vnd.microsoft.icon",
        "ico",
        {"ICO": "PIL.IcoImagePlugin"},
        (Signature(0, b"\0\0\1\0", "ico"),),
        Output("ICO", ("RGBA",), max_side=256, options=lambda encoding, size: {"sizes": [size]}),
    ),
    Format(
        "ppm",
        "image/x-portable-anymap",
        "ppm",
        {"PPM": "PIL.PpmImagePlugin"},
        (Signature(0, b"P", "ppm"),),
        Output("PPM", _GRAY_RGB, max_pixels=_BULKY_MAX_PIXELS),
    ),
    Format(
        "tga",
        "image/x-tga",
        "tga",
        {"TGA": "PIL.TgaImagePlugin"},
        output=Output(
            "TGA",
            _GRAY_RGB_ALPHA,
            max_pixels=_BULKY_MAX_PIXELS,
            options=lambda encoding, size: {"compression": "tga_rle"},
        ),
    ),
    Format(
        "jp2",
        "image/jp2",
        "jp2",
        {"JPEG2000": "PIL.Jpeg2KImagePlugin"},
        (
            Signature(4, b"jP  \r\n\x87\n", "isobmff.walk_jp2"),
            Signature(0, b"\xff\x4f\xff\x51", "isobmff.walk_codestream"),
        ),
        Output(
            "JPEG2000",
            _GRAY_RGB_ALPHA,
            settings=("jp2_quality",),
            options=lambda encoding, size: {
                "quality_mode": "dB",
                "quality_layers": [encoding.jp2_quality],
                "irreversible": True,
                "mct": 1,
            },
        ),
    ),
    Format(
        "jxl",
        "image/jxl",
        "jxl",
        {"JXL": "pymager.engine.jxl"},
        (
            Signature(0, b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
            Signature(0, b"\xff\x0a", "jxl.walk_codestream"),
        ),
        # Effort 4 takes 20 ms for 800x600; effort 5 takes 110 ms, and effort 7 takes 200 ms.
        Output(
            "JXL",
            _GRAY_RGB_ALPHA,
            negotiable=True,
            settings=("jxl_quality", "jxl_effort"),
            quality_setting="jxl_quality",
            metadata=True,
            options=lambda encoding, size: {"quality": encoding.jxl_quality, "effort": encoding.jxl_effort},
        ),
        extra=Extra("jxl", "pillow_jxl"),
    ),
    Format(
        "svg",
        "image/svg+xml",
        "svg",
        {"SVG": "pymager.engine.svg.raster"},
        tuple(Signature(0, magic, "svg") for magic in _XML_STARTS),
        extra=Extra("svg", "resvg_py"),
    ),
    Format("pcx", "image/x-pcx", "pcx", {"PCX": "PIL.PcxImagePlugin"}),
    Format("sgi", "image/sgi", "sgi", {"SGI": "PIL.SgiImagePlugin"}),
)

FORMATS: Mapping[str, Format] = MappingProxyType({format.name: format for format in _TABLE})
"""Every format with a row, by name."""

BY_DECODER: Mapping[str, Format] = MappingProxyType(
    {decoder: format for format in _TABLE for decoder in format.decoders}
)
"""The formats by the names of Pillow's decoders."""

OUTPUTS: Mapping[str, Format] = MappingProxyType(
    {**{format.extension: format for format in _TABLE if format.output}, "jpeg": FORMATS["jpeg"]}
)
"""The output formats by the extension in a variant's URL, in lower case."""

NEGOTIABLE: Mapping[str, str] = MappingProxyType(
    {format.content_type: format.name for format in _TABLE if format.output and format.output.negotiable}
)
"""The names of the formats that the extension `auto` can stand for besides its fallbacks, by media type."""

SIGNATURES: tuple[Signature, ...] = tuple(
    sorted(
        {signature for format in _TABLE for signature in format.signatures},
        key=lambda signature: (-len(signature.magic), signature.offset, signature.magic),
    )
)
"""Every signature once, the longest first."""

_RASTER_DECODERS = """
BLP CUR DCX DDS DIB FITS FLI FTEX GBR ICNS IM IMT MCIDAS MSP PCD PIXAR PSD QOI SPIDER SUN XBM XPM XVTHUMB
"""
OTHER_DECODERS = frozenset(_RASTER_DECODERS.split()) - BY_DECODER.keys()
"""Pillow's names of the raster formats that it reads and that have no row."""

_FILE_EXTENSION = re.compile(r"[a-z0-9]{1,16}")


def content_type(name: str) -> str:
    """The media type of an original in this format; `application/octet-stream` if the format has no row."""
    format = FORMATS.get(name)
    return format.content_type if format else "application/octet-stream"


def extension(name: str) -> str:
    """The file extension in the key of an original in this format."""
    format = FORMATS.get(name)
    if format:
        return format.extension
    return name if _FILE_EXTENSION.fullmatch(name) else "bin"


def output_of(name: str) -> Output:
    """How a format is written. Raises `KeyError` if pymager does not write it."""
    output = FORMATS[name].output
    if output is None:
        raise KeyError(name)
    return output
