"""Opens animations: the number of their frames, the times, and one complete frame after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from io import BytesIO

from PIL import Image

from pymager.engine.animation import compose, read_gif, read_png, read_webp
from pymager.engine.animation.parts import Part, Parts
from pymager.engine.containers import avis
from pymager.engine.containers.container import Data
from pymager.engine.decode import Decoded, decode
from pymager.engine.original import OpenOriginal, frame_not_found

_READERS: dict[str, Callable[[Data], Parts | None]] = {
    "gif": read_gif.read,
    "png": read_png.read,
    "webp": read_webp.read,
}
"""The readers of the formats whose animations consist of parts, by name in `pymager.formats`."""


@dataclass(frozen=True, slots=True)
class Animation:
    """An animation that is open and not decoded.

    `size` is that of each frame in pixels, before the orientation. `plays` is how often it plays; 0 is without end.
    `milliseconds` has one value for each frame. `frames` decodes the frames from a number on, one at a time.
    `stays_opaque` says that all frames are opaque if the first one is.
    """

    size: tuple[int, int]
    plays: int
    milliseconds: tuple[Fraction, ...]
    frames: Callable[[int], Iterator[Decoded]]
    stays_opaque: bool


def open_animation(original: OpenOriginal) -> Animation | None:
    """The animation in an open original; None for a still picture, or a file with several pages.

    Raises what a decoder raises if the file is damaged.
    """
    if original.format == "avif":
        return _open_avif(original)
    read = _READERS.get(original.format)
    parts = read(original.data) if read else None
    if parts is None:
        return None
    return Animation(
        parts.size,
        parts.plays,
        tuple(part.milliseconds for part in parts.parts),
        partial(compose.frames, parts, partial(_decoded, original)),
        compose.stays_opaque(parts),
    )


def decode_frame(original: OpenOriginal, number: int) -> Decoded:
    """Decode one frame of an animation; 0 is the picture that is shown without animations.

    A page of a TIFF is chosen when the file is opened. Raises `FrameNotFound`, and what a decoder raises.
    """
    if number == 0 or original.format == "tiff":
        return decode(original)
    animation = open_animation(original)
    if animation is None or number >= len(animation.milliseconds):
        raise frame_not_found(number)
    return next(animation.frames(number))


def _decoded(original: OpenOriginal, part: Part) -> Decoded:
    """Decode a part like a file of its own that has the original's colors and orientation."""
    assert original.picture is not None and original.picture.format is not None
    file = BytesIO(part.encoded())
    with Image.open(file, formats=(original.picture.format,)) as picture:
        if (profile := original.picture.info.get("icc_profile")) is not None:
            picture.info["icc_profile"] = profile
        return decode(replace(original, picture=picture, size=picture.size, file=file))


def _open_avif(original: OpenOriginal) -> Animation | None:
    picture = original.picture
    count = int(getattr(picture, "n_frames", 1))
    if picture is None or picture.format != "AVIF" or count < 2:
        return None
    sequence = avis.sequence(original.data, count)
    crop = original.container.crop
    size = (crop[2] - crop[0], crop[3] - crop[1]) if crop else picture.size
    return Animation(
        size, sequence.plays, sequence.milliseconds, partial(_avif_frames, original, count), picture.mode != "RGBA"
    )


def _avif_frames(original: OpenOriginal, count: int, first: int) -> Iterator[Decoded]:
    assert original.picture is not None
    for number in range(first, count):
        original.picture.seek(number)
        decoded = decode(original)
        yield replace(decoded, picture=decoded.picture.copy())  # the decoder's own is overwritten by the next frame
