"""Resolution: what a variant is for one original, where its URL does not say it all."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache

from pymager.engine.limits import PictureLimits, check_animation
from pymager.errors import FrameNotFound
from pymager.formats import FORMATS, Encoding
from pymager.library.overlays import Overlays
from pymager.ports import Original
from pymager.variants.geometry import Size, cropped, placement
from pymager.variants.negotiation import Negotiation, accepted, fallback
from pymager.variants.variant import AUTO, Variant

_UPRIGHT = 1
_NO_MAX_SIDE = 1 << 62
_CACHED_VARIANTS = 8_192
_DEFAULT_NEGOTIATION = Negotiation()


class Resolver:
    """Makes the final variant of an original; `encoding` has the settings' qualities, `overlays` the watermarks.

    `limits` limit animated variants, and `max_side` a side that follows. `negotiation` has the formats that the
    extension `auto` stands for. `described` gives a row its description if it has none; if that fails, an original
    counts as a still picture, which is transparent if its format can be.
    """

    def __init__(
        self,
        encoding: Encoding,
        limits: PictureLimits,
        max_side: int,
        overlays: Overlays,
        described: Callable[[Original], Awaitable[Original]],
        *,
        negotiation: Negotiation = _DEFAULT_NEGOTIATION,
    ) -> None:
        self._encoding = encoding
        self._limits = limits
        self._max_side = max_side
        self._overlays = overlays
        self._negotiation = negotiation
        self._described = described
        self._in_best_format = lru_cache(maxsize=_CACHED_VARIANTS)(self._made_in_best_format)
        self._check_animation = lru_cache(maxsize=_CACHED_VARIANTS)(self._checked_animation)

    async def resolve(self, original: Original, variant: Variant, accept: str | None = None) -> Variant:
        """The variant by which the key is made: canonical, in the format that `accept` negotiates.

        Raises `FrameNotFound`, `EmptyCrop`, `WatermarkMissing`, `VariantTooLarge`, and `Unavailable` if the row of a
        watermark's picture cannot be read.
        """
        if variant.animated or variant.frame:
            original = await self._described(original)
        if variant.frame and original.frames is not None and variant.frame >= original.frames:
            raise FrameNotFound(
                f"'{original.id}' has no frame or page {variant.frame}: it has {original.frames}, numbered from 0"
            )
        size = original.width, original.height
        if variant.crops_in_pixels and variant.frame is None:  # the pages of a TIFF have sizes of their own
            variant = _clipped(variant, size)
        if variant.watermark:
            variant = _with_overlay(variant, await self._overlays.digest(variant.watermark))
        if variant.animated and not moves(original):
            variant = _still(variant)
        if variant.format == AUTO:
            frames = (original.frames or 1) if variant.animated else 1
            best = self._in_best_format(variant, size, frames, accepted(accept or ""), original.alpha)
            variant = await self._in_fallback(original, variant) if best is None else best
        if variant.animated:
            self._check_animation(variant, size, original.frames or 1)
        return variant

    def forget(self, id: str) -> None:
        """Called when an original was replaced or deleted here: a watermark may show it."""
        self._overlays.forget(id)

    async def _in_fallback(self, original: Original, variant: Variant) -> Variant:
        """A still variant in the format of clients that take no other, which depends on the description."""
        original = await self._described(original)
        alpha = can_be_transparent(original) if original.alpha is None else original.alpha
        return variant.in_format(FORMATS[fallback(alpha=alpha, moves=False)], self._encoding)

    def _made_in_best_format(
        self, variant: Variant, upright: Size, frames: int, taken: frozenset[str], alpha: bool | None
    ) -> Variant | None:
        """The variant in the best format that the client takes, or in the fallback; None if that needs `alpha`."""
        best = self._negotiation.best(taken, final_size(variant, upright), frames)
        if best is None:
            if alpha is None and frames == 1:
                return None
            best = fallback(alpha=bool(alpha), moves=frames > 1)
        return variant.in_format(FORMATS[best], self._encoding)

    def _checked_animation(self, variant: Variant, upright: Size, frames: int) -> None:
        """Raises `VariantTooLarge`. A worker process checks it again: what `trim` leaves is not known here."""
        output = (0, 0) if variant.trim is not None else _placed_size(variant, upright, self._max_side)
        check_animation(frames, upright, output, self._limits)


def final_size(variant: Variant, upright: Size) -> Size:
    """The size of a variant of an upright picture in pixels. Raises `EmptyCrop`.

    What `trim` leaves is not known, nor is the size of another page: the first one's stands for it, without the crop.
    """
    if not variant.is_one_sided and variant.fit != "inside" and variant.enlarges:
        return variant.size
    if variant.frame is not None:
        variant = variant.without("crop")
    return _placed_size(replace(variant, format="png"), upright, _NO_MAX_SIDE)


def _placed_size(variant: Variant, upright: Size, max_side: int) -> Size:
    """The size of a variant of an upright picture. Raises `EmptyCrop` and `VariantTooLarge`."""
    return placement(variant, upright, _UPRIGHT, max_side).target.size


def moves(original: Original) -> bool:
    """Whether the original is an animation of several frames, and not a file of several pages."""
    row = FORMATS.get(original.format)
    is_animation = row is not None and row.output is not None and row.output.animated
    return is_animation and (original.frames or 1) > 1


@lru_cache(maxsize=1_024)
def _clipped(variant: Variant, upright: Size) -> Variant:
    """The variant with its crop in pixels clipped to the picture; without it if it is everything. Raises `EmptyCrop`.

    Cached, because a variant makes its names when it is created.
    """
    left, top, right, bottom = cropped(variant, upright, _UPRIGHT)
    is_all = (left, top, right, bottom) == (0, 0, *upright)
    return replace(variant, crop="" if is_all else f"{left},{top},{right - left},{bottom - top}")


@lru_cache(maxsize=1_024)
def _still(variant: Variant) -> Variant:
    """The variant of a picture that does not move. Cached, because a variant makes its names when it is created."""
    return variant.without("animated")


@lru_cache(maxsize=1_024)
def _with_overlay(variant: Variant, digest: str) -> Variant:
    """The variant with the digest of its watermark. Cached, because a variant makes its names when it is created."""
    return replace(variant, overlay=digest)


def can_be_transparent(original: Original) -> bool:
    """Whether the format of the original has transparency."""
    row = FORMATS.get(original.format)
    return row is None or row.output is None or row.output.has_transparency
