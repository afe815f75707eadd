"""How copyright is written, by Pillow's encoders: as further options of `Image.save`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from PIL.PngImagePlugin import PngInfo

from pymager.engine.metadata import exif, xmp
from pymager.engine.metadata.fields import Copyright

Options: TypeAlias = dict[str, Any]
_PNG_KEYWORD = "XML:com.adobe.xmp"  # XMP specification part 3, section 1.1.5
_BOX_OFFSET = bytes(4)  # ISO/IEC 18181-2 section 9.4: where EXIF begins after it


def with_copyright(encoder: str, options: Options, copyright: Copyright) -> Options:
    """The options of an encoder and what it writes of the copyright: EXIF and XMP."""
    return WRITERS[encoder](options, copyright) if copyright else options


def _as_arguments(options: Options, copyright: Copyright) -> Options:
    return {**options, **_exif(copyright), "xmp": xmp.written(copyright)}


def _as_chunks(options: Options, copyright: Copyright) -> Options:
    info = PngInfo()
    info.add_itxt(_PNG_KEYWORD, xmp.written(copyright).decode())
    return {**options, **_exif(copyright), "pnginfo": info}


def _as_tags(options: Options, copyright: Copyright) -> Options:
    values = exif.tags(exif.written(copyright), (exif.ARTIST, exif.COPYRIGHT))
    texts = {tag: value.removesuffix(b"\0") for tag, value in values.items()}
    return {**options, "tiffinfo": {**options.get("tiffinfo", {}), **texts, exif.XMP: xmp.written(copyright)}}


def _as_boxes(options: Options, copyright: Copyright) -> Options:
    encoded = exif.written(copyright)
    return {**options, "exif": _BOX_OFFSET + encoded if encoded else None, "xmp": xmp.written(copyright)}


def _exif(copyright: Copyright) -> Options:
    encoded = exif.written(copyright)
    return {"exif": b"Exif\0\0" + encoded} if encoded else {}


WRITERS: Mapping[str, Callable[[Options, Copyright], Options]] = MappingProxyType(
    {
        "JPEG": _as_arguments,
        "WEBP": _as_arguments,
        "AVIF": _as_arguments,
        "PNG": _as_chunks,
        "TIFF": _as_tags,
        "JXL": _as_boxes,
    }
)
"""By Pillow's name of the encoder. `pymager.formats` says which outputs have one."""
