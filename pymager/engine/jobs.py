"""What a worker is asked and what it answers. Needs no decoder."""

import hashlib
import json
from dataclasses import dataclass

PIPELINE_VERSION: int = 1
"""Raised whenever the same job would give other bytes than before: all derived pictures are then made anew."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is accepted: `decoders` are Pillow's names, or ("*",) for all that run no program.

    `pixels` bounds width times height of a frame, `frames` an animation's frames, `scans` a JPEG's scans.
    """

    decoders: tuple[str, ...]
    pixels: int = 100_000_000
    frames: int = 1_000
    scans: int = 100


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an upload turned out to be; `width` and `height` in pixels as shown (orientation applied)."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Encoding:
    """How derived pictures are encoded; qualities on Pillow's scales, `background` as red, green, blue."""

    jpeg_quality: int = 80
    webp_quality: int = 78
    webp_method: int = 2
    avif_quality: int = 60
    avif_speed: int = 8
    jp2_quality: int = 40
    background: tuple[int, int, int] = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A derived picture to make: exactly `width` x `height` pixels, in the output format `format`."""

    width: int
    height: int
    format: str
    encoding: Encoding


OPAQUE = frozenset({"jpeg", "bmp", "ppm"})
"""The output formats without transparency: there the background shows through."""

_SETTINGS: dict[str, tuple[str, ...]] = {
    "jpeg": ("jpeg_quality",),
    "webp": ("webp_quality", "webp_method"),
    "avif": ("avif_quality", "avif_speed"),
    "jp2": ("jp2_quality",),
}


def recipe(encoding: Encoding, format: str) -> str:
    """A fingerprint, 12 hexadecimal digits, of all that changes a derived picture of this format but its size.

    Another format's settings do not change it.
    """
    names = _SETTINGS.get(format, ()) + (("background",) if format in OPAQUE else ())
    settings = {name: getattr(encoding, name) for name in names}
    text = json.dumps([PIPELINE_VERSION, format, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
