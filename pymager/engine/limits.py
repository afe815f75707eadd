"""The limits on pictures, checked before pixels are decoded."""

from pymager.engine.jobs import PictureLimits
from pymager.errors import Undecodable


def check_pixels(size: tuple[int, ...], limits: PictureLimits) -> None:
    """Raises `Undecodable` for a width and height with more pixels than are accepted."""
    width, height = size
    if width * height > limits.pixels:
        raise Undecodable(
            f"the picture has {width}x{height} = {width * height} pixels; at most {limits.pixels} are accepted"
        )


def check_frames(frames: int, limits: PictureLimits) -> None:
    """Raises `Undecodable` for more frames than are accepted."""
    if frames > limits.frames:
        raise Undecodable(f"the picture has more than {limits.frames} frames; at most {limits.frames} are accepted")


def check_parts(parts: int, max_parts: int) -> None:
    """Raises `Undecodable` for a file with an absurd number of parts: each costs time before any pixel is decoded."""
    if parts > max_parts:
        raise Undecodable(
            f"the picture's file has more than {max_parts} parts besides its pixels; save it again without metadata"
        )
