"""What a worker is asked and what it answers. Needs no decoder."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
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
class Target:
    """A derived picture to make: exactly `width` x `height` pixels, in the output format `format`."""

    width: int
    height: int
    format: str
    encoding: Encoding
