"""Limits on pictures, and the checks that enforce them before a pixel is decoded. Needs no decoder."""

from dataclasses import dataclass

from pymager.errors import Undecodable


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Which pictures are accepted.

    `decoders` are Pillow's names, or ("*",) for all decoders that run no program. `pixels` is the maximum of width
    times height of a frame, `frames` the maximum number of frames of an animation, `scans` of scans of a JPEG.
    """

    decoders: tuple[str, ...]
    pixels: int = 100_000_000
    frames: int = 1_000
    scans: int = 100


def check_pixels(size: tuple[int, ...], limits: PictureLimits) -> None:
    """Check a width and a height in pixels. Raises `Undecodable`."""
    width, height = size
    if width * height > limits.pixels:
        raise Undecodable(
            f"the picture has {width}x{height} = {width * height} pixels; at most {limits.pixels} are accepted"
        )


def check_frames(frames: int, limits: PictureLimits) -> None:
    """Check a number of frames. Raises `Undecodable`."""
    if frames > limits.frames:
        raise Undecodable(f"the picture has more than {limits.frames} frames; at most {limits.frames} are accepted")


def check_parts(parts: int, max_parts: int, noun: str) -> None:
    """Check how many chunks, boxes or the like a file has: each costs time before a pixel is decoded.

    `noun` is the plural of what is counted. Raises `Undecodable`.
    """
    if parts > max_parts:
        raise Undecodable(
            f"the picture's file has more than {max_parts} {noun}; at most {max_parts} are accepted; "
            "save the picture again without metadata"
        )
