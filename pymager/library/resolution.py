"""Resolution: what a variant is for one original, where its URL does not say it all."""

from collections.abc import Awaitable, Callable

from pymager.engine.limits import PictureLimits, check_animation
from pymager.errors import FrameNotFound
from pymager.formats import FORMATS, Encoding
from pymager.ports import Original
from pymager.variants.geometry import Size, cropped, target, turned_size, turns
from pymager.variants.variant import AUTO, Variant

_UPRIGHT = 1


class Resolver:
    """Makes the final variant of an original; `encoding` has the settings' qualities.

    `limits` limit animated variants, and `max_side` a side that follows. `described` gives a row its description if it
    has none; without one, an original counts as a still picture.
    """

    def __init__(
        self,
        encoding: Encoding,
        limits: PictureLimits,
        max_side: int,
        described: Callable[[Original], Awaitable[Original]] | None = None,
    ) -> None:
        self._encoding = encoding
        self._limits = limits
        self._max_side = max_side
        self._described = described

    async def resolve(self, original: Original, variant: Variant, accept: str | None = None) -> Variant:
        """The variant by which the key is made: canonical, in the format that `accept` negotiates.

        Raises `FrameNotFound`, `EmptyCrop` and `VariantTooLarge`.
        """
        if self._described is not None and (variant.animated or variant.frame):
            original = await self._described(original)
        if variant.frame and original.frames is not None and variant.frame >= original.frames:
            raise FrameNotFound(
                f"'{original.id}' has no frame or page {variant.frame}: it has {original.frames}, and the first is 0"
            )
        size = original.width, original.height
        if variant.crop and cropped(variant, size, _UPRIGHT) == (0, 0, *size):
            variant = variant.without("crop")
        if variant.animated and not moves(original):
            variant = variant.without("animated")
        if variant.animated and variant.format != AUTO:
            self._check_animation(original, variant)
        return variant

    def _check_animation(self, original: Original, variant: Variant) -> None:
        """Raises `VariantTooLarge`. A worker process checks it again: what `trim` leaves is not known here."""
        size = original.width, original.height
        output: Size = (0, 0)
        if variant.trim is None:
            left, top, right, bottom = cropped(variant, size, _UPRIGHT)
            turned = turned_size((right - left, bottom - top), turns(variant, _UPRIGHT))
            output = target(variant, turned, self._max_side).size
        check_animation(original.frames or 1, size, output, self._limits)


def moves(original: Original) -> bool:
    """Whether the original is an animation of several frames, and not a file of several pages."""
    row = FORMATS.get(original.format)
    is_animation = row is not None and row.output is not None and row.output.animated
    return is_animation and (original.frames or 1) > 1
