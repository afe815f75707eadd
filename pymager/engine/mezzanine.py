"""Mezzanines: reduced pictures of originals, from which smaller variants are rendered.

A mezzanine is a JPEG, followed by a second one with the alpha channel if there is one, and by a trailer. It is stored
as the original is, with the same orientation in EXIF, so that a viewer shows it upright.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from pymager.engine import alpha, color, depth, orient, scale
from pymager.engine.decode import Decoded, can_be_reduced, check_jpeg_pixels, decode, decode_jpeg
from pymager.engine.jobs import Mezzanine, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.original import OpenOriginal, open_original
from pymager.engine.step import Step, StepContext
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
_DIGEST_BYTES = 32
_ANY = RenderJob(Variant(1, 1, "png"), Encoding())
_QUALITY = 90
_SUBSAMPLING = "4:2:0"
_ORIENTATION_TAG = 0x0112
_EXIF = struct.Struct(">6s4sIHHHIHHI")

DECODE_STEPS: tuple[Step, ...] = (depth.eight_bits, alpha.expand, alpha.clear_outside_frame)


@dataclass(frozen=True, slots=True)
class OpenMezzanine:
    """A mezzanine: its JPEGs and their size in pixels.

    `stored` is the size of the original before the `orientation`; `factors` are how many of its pixels one pixel of the
    mezzanine covers, across and down.
    """

    color: bytes
    opacity: bytes
    stored: Size
    orientation: int
    size: Size
    factors: tuple[float, float]


def make(path: Path, limits: PictureLimits, mezzanine: Mezzanine) -> bytes | None:
    """Make the mezzanine of the original in a file; None if it gets none. Raises what `render` does."""
    with open_original(path, limits, full_walk=False) as original:
        if not can_be_reduced(original):
            decoded = decode(original)
            if not rules.pays_for(original.format, decoded.picture.size, mezzanine.side):
                return None
            return encoded(original, decoded, 1, mezzanine)
        if not rules.pays_for(original.format, original.size, mezzanine.side):
            return None
        factor = rules.jpeg_reduction(original.size, mezzanine.side)
        if not original.container.has_end:
            check_jpeg_pixels(original)
        return encoded(original, decode_jpeg(original, factor), factor, mezzanine)


def encoded(original: OpenOriginal, decoded: Decoded, factor: int, mezzanine: Mezzanine) -> bytes:
    """The mezzanine of a picture that was decoded at 1/`factor` of its size. Overwrites the picture."""
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
    for step in (*DECODE_STEPS, scale.crop_and_scale, color.to_srgb, color.to_rgb):
        picture = step(picture, context)
    return _file(picture, decoded.orientation, stored, factor, mezzanine.source)


def _file(picture: Image.Image, orientation: int, stored: Size, factor: int, source: str) -> bytes:
    opacity = b""
    if picture.mode == "RGBA":
        opacity = _jpeg(picture.getchannel("A"))
        picture = picture.convert("RGB")
    content = _jpeg(picture, orientation)
    head = content + opacity + _TRAILER.pack(_MAGIC, len(content), len(opacity), *stored, factor, b"")[:-_DIGEST_BYTES]
    return head + _digest(source, head)


def _jpeg(picture: Image.Image, orientation: int = 1) -> bytes:
    out = BytesIO()
    picture.info = {}
    exif = (
        b"" if orientation == 1 else _EXIF.pack(b"Exif\0\0", b"MM\0*", 8, 1, _ORIENTATION_TAG, 3, 1, orientation, 0, 0)
    )
    picture.save(out, "JPEG", quality=_QUALITY, subsampling=_SUBSAMPLING, exif=exif)
    return out.getvalue()


def _digest(source: str, content: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(source.encode())
    digest.update(content)
    return digest.digest()


def read(path: Path, job: RenderJob) -> OpenMezzanine:
    """Read and check the mezzanine of a job. Raises `MezzanineDamaged`, and `OSError` if the file cannot be read."""
    assert job.upright is not None
    if path.stat().st_size > MAX_BYTES:
        raise MezzanineDamaged("the mezzanine is too large")
    data = path.read_bytes()
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
        size = picture.size
    if turned_size((width, height), (orientation,)) != job.upright:
        raise MezzanineDamaged("the mezzanine is that of an original of another size")
    factors = (float(factor),) * 2 if factor else (width / size[0], height / size[1])
    return OpenMezzanine(
        content, data[length : length + alpha_length], (width, height), orientation, size, (factors[0], factors[1])
    )


def load(opened: OpenMezzanine, factor: int) -> Image.Image:
    """Decode the mezzanine at 1/`factor` of its size: L, RGB or RGBA."""
    picture = _decoded(opened.color, factor)
    if opened.opacity:
        picture.putalpha(_decoded(opened.opacity, factor))
    return picture


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(data), formats=("JPEG",))
    except OSError as error:
        raise MezzanineDamaged(f"the mezzanine cannot be decoded: {error}") from error


def _decoded(data: bytes, factor: int) -> Image.Image:
    with _opened(data) as picture:
        if factor > 1:
            picture.draft(None, (max(1, picture.width // factor), max(1, picture.height // factor)))
        try:
            picture.load()
        except OSError as error:
            raise MezzanineDamaged(f"the mezzanine cannot be decoded: {error}") from error
        return picture
