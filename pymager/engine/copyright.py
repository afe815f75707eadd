"""The copyright of an original: who made it and who has which rights, whichever metadata says so.

Nothing else of the metadata is kept in a variant: no place, no date, no camera, no thumbnail.
"""

from dataclasses import dataclass, replace

from PIL import ImageFile

from pymager.engine.containers import isobmff
from pymager.engine.containers.container import Data
from pymager.engine.metadata import exif, iptc, xmp
from pymager.engine.metadata.fields import NO_COPYRIGHT, Copyright
from pymager.engine.original import OpenOriginal

_IPTC_RESOURCE = 0x0404  # Adobe Photoshop File Formats Specification, "Image Resource IDs"


@dataclass(frozen=True, slots=True)
class _Metadata:
    """The encoded metadata of a file."""

    exif: Data | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: Copyright = NO_COPYRIGHT


def of(original: OpenOriginal) -> Copyright:
    """The copyright of an original whose picture was decoded. Metadata that is broken is ignored.

    XMP precedes IPTC, which precedes EXIF: XMP can say most.
    """
    found = _metadata(original)
    parts = [xmp.read(found.xmp), iptc.read(found.iptc), exif.read(found.exif), found.texts]
    return Copyright(
        creators=next((part.creators for part in parts if part.creators), ()),
        rights=next((part.rights for part in parts if part.rights), ""),
        credit=next((part.credit for part in parts if part.credit), ""),
        terms=next((part.terms for part in parts if part.terms), ()),
    )


def _metadata(original: OpenOriginal) -> _Metadata:
    if original.format == "tiff":
        return _of_tiff(original)
    if original.format == "jxl":
        return _of_boxes(original)
    if original.picture is None:
        return _Metadata()
    found = _of_info(original.picture)
    return found if original.container.exif is None else replace(found, exif=original.container.exif)


def _of_info(picture: ImageFile.ImageFile) -> _Metadata:
    """What Pillow's decoders have found."""
    info = picture.info
    resources = info.get("photoshop")
    texts = Copyright.of(_text(info.get("Author")), _text(info.get("Copyright")))  # PNG, section 11.3.3.2
    return _Metadata(
        _bytes(info.get("exif")),
        _bytes(info.get("xmp")),
        _bytes(resources.get(_IPTC_RESOURCE)) if isinstance(resources, dict) else None,
        texts if picture.format == "PNG" else NO_COPYRIGHT,
    )


def _of_tiff(original: OpenOriginal) -> _Metadata:
    """The tags of the first directory: EXIF has the form of a TIFF."""
    tags = exif.tags(original.data, (exif.XMP, exif.IPTC))
    return _Metadata(original.data, tags.get(exif.XMP), tags.get(exif.IPTC))


def _of_boxes(original: OpenOriginal) -> _Metadata:
    """The boxes of JPEG XL (ISO/IEC 18181-2 section 9). Compressed ones are not read."""
    found = _Metadata()
    for kind, start, end in isobmff.boxes(original.data):
        if kind == b"Exif":
            found = replace(found, exif=original.data[start + 4 : end])
        elif kind == b"xml ":
            found = replace(found, xmp=original.data[start:end])
    return found


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None


def _text(value: object) -> str:
    return str(value) if isinstance(value, str) else ""
