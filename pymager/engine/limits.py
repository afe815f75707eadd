"""Limits on pictures, and the checks that enforce them before a pixel is decoded. Needs no decoder."""

from dataclasses import dataclass

from pymager.errors import Undecodable, VariantTooLarge


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """Which pictures are accepted.

    `decoders` are Pillow's names, or ("*",) for all decoders that run no program. `pixels` is the maximum of width
    times height of a frame, `frames` the maximum number of frames of an animation, `scans` of scans of a JPEG.
    `animation_pixels` and `animation_source_pixels` limit an animated variant: its frames times its own pixels, and
    times those of the original.
    """

    decoders: tuple[str, ...]
    pixels: int = 100_000_000
    frames: int = 1_000
    scans: int = 100
    animation_pixels: int = 30_000_000
    animation_source_pixels: int = 100_000_000


def check_pixels(size: tuple[int, ...], limits: PictureLimits) -> None:
    """Check a width and a height in pixels. Raises `Undecodable`."""
    width, height = size
    if width * height > limits.pixels:
        raise Undecodable(
            f"the picture has {width}x{height} = {width * height} pixels; at most {limits.pixels} are accepted "
            "(PYMAGER_MAX_PIXELS)"
        )


def check_frames(frames: int, limits: PictureLimits) -> None:
    """Check a number of frames. Raises `Undecodable`."""
    if frames > limits.frames:
        raise Undecodable(f"the picture has more than {limits.frames} frames, the limit (PYMAGER_MAX_FRAMES)")


def check_animation(frames: int, source: tuple[int, int], output: tuple[int, int], limits: PictureLimits) -> None:
    """Check an animated variant: the number of frames, and the sizes of the original and of the variant in pixels.

    Raises `VariantTooLarge`.
    """
    for verb, (width, height), limit, setting, advice in (
        (
            *("would have", output, limits.animation_pixels, "PYMAGER_MAX_ANIMATION_PIXELS"),
            "ask for a smaller size, or for animated=false",
        ),
        (
            *("would be made of", source, limits.animation_source_pixels, "PYMAGER_MAX_ANIMATION_SOURCE_PIXELS"),
            "ask for animated=false",
        ),
    ):
        if (pixels := frames * width * height) > limit:
            raise VariantTooLarge(
                f"the animation {verb} {frames} frames of {width}x{height} = {pixels} pixels; "
                f"at most {limit} are allowed ({setting}); {advice}"
            )


def check_parts(parts: int, max_parts: int, noun: str) -> None:
    """Check how many chunks, boxes or the like a file has: each costs time before a pixel is decoded.

    `noun` is the plural of what is counted. Raises `Undecodable`.
    """
    if parts > max_parts:
        raise Undecodable(
            f"the picture's file has more than {max_parts} {noun}, the limit; save the picture again without metadata"
        )
