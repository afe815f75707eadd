"""Writes and reads the file of a mezzanine, a reduced picture of an original.

A mezzanine is a JPEG, followed by a second one with the alpha channel if there is one, and by a trailer. It is stored
as the original is, with the same orientation in EXIF and the same profile, so that a viewer shows it correctly. CMYK
is converted.
"""

import hashlib
import hmac
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from PIL import Image, ImageFile

from pymager.engine import color, orient, scale
from pymager.engine.decode import Decoded, can_be_reduced, check_jpeg_pixels, decode, decode_jpeg
from pymager.engine.decode_steps import DECODE_STEPS
from pymager.engine.encoders import saved
from pymager.engine.jobs import Mezzanine, RenderJob, Source
from pymager.engine.limits import PictureLimits
from pymager.engine.original import OpenOriginal, open_original, open_source
from pymager.engine.step import StepContext
from pymager.errors import MezzanineDamaged
from pymager.formats import Encoding
from pymager.variants import mezzanine as rules
from pymager.variants.geometry import Size, Target, turned_size
from pymager.variants.variant import Variant

MAX_BYTES = 64 << 20
"""The largest mezzanine that is read."""

_TRAILER = struct.Struct(">8sIIIIB32s")
"""The magic bytes, the sizes of both JPEGs in bytes, the original's width and height before the orientation, the factor
by which it was decoded smaller or 0 if it was scaled, and a SHA-256 of the source and all bytes before it."""
_MAGIC = b"pymgmez1"
_MODES = frozenset({"L", "RGB"})
_DECODER_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error, Warning),
    Image.DecompressionBombError,
)
_DIGEST_BYTES = 32
LARGEST_REDUCTION = 8
"""By how much a JPEG can be decoded smaller."""
_ANY = RenderJob(Variant(1, 1, "png"), Encoding())
_USUAL_SHARE = 0.2
"""Of the original's bytes: what photographs take at most."""
_ORIENTATION_TAG = 0x0112
_EXIF = struct.Struct(">6s4sIHHHIHHI")


@dataclass(frozen=True, slots=True)
class _Coding:
    """The qualities of luma and of chroma, which is not subsampled, on libjpeg's scale.

    `size` is that of a photograph, relative to the finest coding. Of the eight frequencies in each direction, those
    from `coarse_from` on are kept only if they are strong.
    """

    luma: int
    chroma: int
    size: float
    coarse_from: int = 8


_FINEST = _Coding(100, 95, 1.0)
"""For pictures with a profile, which multiplies differences, or with an alpha channel, which takes away details."""
_CODINGS = (_Coding(99, 90, 0.87), _Coding(98, 85, 0.72), _Coding(97, 85, 0.65), _Coding(96, 80, 0.55, coarse_from=7))
"""A picture that takes many bytes has details, which hide the loss of a coarser coding."""
_COARSE_STEPS = (16, 40)
"""For luma and chroma."""
_TABLE_TAG, _TAGS = b"A2B0", slice(128, 512)
"""The tag of a profile that has a table instead of curves and a matrix, and where tags are (ICC.1:2022, 7.3, 9.2.1)."""


@dataclass(frozen=True, slots=True)
class OpenMezzanine:
    """A mezzanine: its JPEGs and the ICC profile of its colors.

    `stored` is the size of the original before the `orientation`; `factors` are how many of its pixels one pixel of the
    mezzanine covers, across and down. It can be decoded at 1/`max_reduction` of its size: as much smaller as the
    original would be, so that the result is the same.
    """

    color: bytes
    opacity: bytes
    profile: bytes | None
    stored: Size
    orientation: int
    factors: tuple[float, float]
    max_reduction: int


def make(source: Source, limits: PictureLimits, mezzanine: Mezzanine) -> bytes | None:
    """Make the mezzanine of the original in a file; None if it gets none. Raises what `render` does."""
    with open_original(source, limits, full_walk=False) as original:
        if not can_be_reduced(original):
            decoded = decode(original)
            if not rules.pays_for(original.format, decoded.picture.size, len(original.data), mezzanine.side):
                return None
            return encoded(original, decoded, 1, mezzanine)
        if not rules.pays_for(original.format, original.size, len(original.data), mezzanine.side):
            return None
        factor = rules.jpeg_reduction(original.size, mezzanine.side)
        if not original.container.has_end:
            check_jpeg_pixels(original)
        return encoded(original, decode_jpeg(original, factor), factor, mezzanine)


def encoded(original: OpenOriginal, decoded: Decoded, factor: int, mezzanine: Mezzanine) -> bytes | None:
    """The mezzanine of a picture that was decoded at 1/`factor` of its size. Overwrites the picture.

    None if it would take more than half of the original's bytes, which no photograph does, or if its noise would be
    seen: in Lab, and if a table turns its values into colors, as for PQ and HLG.
    """
    stored = original.size if factor > 1 else decoded.picture.size
    size = rules.mezzanine_size(original.format, stored, mezzanine.side)
    if decoded.picture.size == size:
        part = (0.0, 0.0, float(size[0]), float(size[1]))
    else:
        part, factor = (0.0, 0.0, stored[0] / factor, stored[1] / factor), 0
    context = StepContext(
        *(_ANY, part, Target(size, size, (0, 0)), ()), decoded.profile, decoded.gray, decoded.frame_area
    )
    picture = decoded.picture
    for step in (*DECODE_STEPS, scale.crop_and_scale):
        picture = step(picture, context)
    if picture.mode == "LAB":
        return None
    profile = None
    if picture.mode == "CMYK":
        picture = color.to_rgb(color.to_srgb(picture, context), context)
    elif _needs_profile(picture, context):
        profile = decoded.profile
        if profile is None or _TABLE_TAG in profile[_TAGS]:
            return None
    content, opacity = _layers(picture, decoded.orientation, profile, len(original.data))
    if len(content) + len(opacity) + _TRAILER.size > rules.max_bytes(len(original.data)):
        return None
    trailer = _TRAILER.pack(_MAGIC, len(content), len(opacity), *stored, factor, b"")[:-_DIGEST_BYTES]
    head = content + opacity + trailer
    return head + _digest(mezzanine.source, head)


def _needs_profile(picture: Image.Image, context: StepContext) -> bool:
    """Whether the picture's profile changes its colors.

    Then it is applied after scaling, as to the original: colors outside of sRGB are clipped only in the variant.
    """
    pixel = picture.crop((0, 0, 1, 1))
    return color.to_srgb(pixel, context) is not pixel


def _layers(picture: Image.Image, orientation: int, profile: bytes | None, length: int) -> tuple[bytes, bytes]:
    """The JPEGs of the colors and of the alpha channel, for an original of so many bytes.

    The colors have the finest coding with which a photograph takes at most a fifth of it, and the finest of all beside
    an alpha channel.
    """
    opacity = b""
    first, *others = _CODINGS if profile is None else (_FINEST, *_CODINGS)
    if picture.mode == "RGBA":
        opacity = _jpeg(picture.getchannel("A"), _FINEST)
        picture, first, others = picture.convert("RGB"), _FINEST, []
    content = _jpeg(picture, first, orientation, profile)
    excess = len(content) / (_USUAL_SHARE * length)
    if excess > 1 and others:
        coding = next((coding for coding in others if coding.size * excess <= first.size), others[-1])
        content = _jpeg(picture, coding, orientation, profile)
    return content, opacity


def _jpeg(picture: Image.Image, coding: _Coding, orientation: int = 1, profile: bytes | None = None) -> bytes:
    picture.info = {}
    exif = (
        b"" if orientation == 1 else _EXIF.pack(b"Exif\0\0", b"MM\0*", 8, 1, _ORIENTATION_TAG, 3, 1, orientation, 0, 0)
    )
    return saved(picture, "JPEG", qtables=_tables(coding), subsampling="4:4:4", exif=exif, icc_profile=profile)


@cache
def _tables(coding: _Coding) -> list[list[int]]:
    """The quantization tables of luma and chroma: those of libjpeg, with larger steps for high frequencies."""
    tables = []
    for index, (quality, step) in enumerate(zip((coding.luma, coding.chroma), _COARSE_STEPS, strict=True)):
        out = BytesIO()
        Image.new("RGB", (8, 8)).save(out, "JPEG", quality=quality)
        with Image.open(BytesIO(out.getvalue()), formats=("JPEG",)) as picture:
            table = list(picture.quantization[index])  # type: ignore[attr-defined]
        coarse = (max(divmod(place, 8)) >= coding.coarse_from for place in range(64))
        tables.append(
            [max(value, step) if is_coarse else value for value, is_coarse in zip(table, coarse, strict=True)]
        )
    return tables


def _digest(source: str, content: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(source.encode())
    digest.update(content)
    return digest.digest()


def read(source: Source, job: RenderJob) -> OpenMezzanine:
    """Read and check the mezzanine of a job. Raises `MezzanineDamaged`, and `OSError` if the file cannot be read."""
    assert job.upright is not None
    with open_source(source) as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise MezzanineDamaged("the mezzanine is too large")
        data = file.readall()
    if len(data) < _TRAILER.size:
        raise MezzanineDamaged("the mezzanine is too short")
    magic, length, alpha_length, width, height, factor, digest = _TRAILER.unpack(data[-_TRAILER.size :])
    if magic != _MAGIC or length + alpha_length + _TRAILER.size != len(data):
        raise MezzanineDamaged("the mezzanine is incomplete")
    if not hmac.compare_digest(digest, _digest(job.source, memoryview(data)[:-_DIGEST_BYTES])):
        raise MezzanineDamaged("the mezzanine's checksum is wrong, or it is that of another original")
    content = data[:length]
    with _opened(content) as picture:
        orientation = orient.orientation_in(picture.info.get("exif"))
        size, profile = picture.size, picture.info.get("icc_profile")
        if picture.mode not in _MODES or max(size) > rules.MAX_SIDE:
            raise MezzanineDamaged(f"the mezzanine is in mode {picture.mode} with {size[0]}x{size[1]} pixels")
    if turned_size((width, height), (orientation,)) != job.upright:
        raise MezzanineDamaged("the mezzanine is that of an original of another size")
    if size != rules.decoded_size((width, height), factor) if factor else max(size) > max(width, height):
        raise MezzanineDamaged("the mezzanine has another size than its trailer says")
    return OpenMezzanine(
        content,
        data[length : length + alpha_length],
        profile,
        (width, height),
        orientation,
        (float(factor), float(factor)) if factor else (width / size[0], height / size[1]),
        max(1, LARGEST_REDUCTION // factor) if factor else 1,
    )


def load(opened: OpenMezzanine, factor: int) -> Image.Image:
    """Decode the mezzanine at 1/`factor` of its size: L, RGB or RGBA. Raises `MezzanineDamaged`."""
    picture = _decoded(opened.color, factor)
    if opened.opacity:
        opacity = _decoded(opened.opacity, factor)
        if opacity.mode != "L" or opacity.size != picture.size:
            raise MezzanineDamaged("the mezzanine's alpha channel has another size")
        picture.putalpha(opacity)
    return picture


def _opened(data: bytes) -> ImageFile.ImageFile:
    with _translating_errors():
        return Image.open(BytesIO(data), formats=("JPEG",))


def _decoded(data: bytes, factor: int) -> Image.Image:
    with _opened(data) as picture:
        if max(picture.size) > rules.MAX_SIDE:
            raise MezzanineDamaged(f"the mezzanine has {picture.width}x{picture.height} pixels")
        if factor > 1:
            picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))
        with _translating_errors():
            picture.load()
        return picture


@contextmanager
def _translating_errors() -> Iterator[None]:
    """Turn what Pillow raises for a broken JPEG into `MezzanineDamaged`."""
    try:
        yield
    except _DECODER_ERRORS as error:
        raise MezzanineDamaged(f"the mezzanine cannot be decoded: {error}") from error
