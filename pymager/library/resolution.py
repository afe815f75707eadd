"""Resolution: what a variant is for one original, where its URL does not say it all."""

from dataclasses import replace
from functools import lru_cache

from pymager.formats import Encoding
from pymager.library.overlays import Overlays
from pymager.ports import Original
from pymager.variants.geometry import cropped
from pymager.variants.variant import Variant

_UPRIGHT = 1


class Resolver:
    """Makes the final variant of an original; `encoding` has the settings' qualities, `overlays` the watermarks."""

    def __init__(self, encoding: Encoding, overlays: Overlays) -> None:
        self._encoding = encoding
        self._overlays = overlays

    async def resolve(self, original: Original, variant: Variant, accept: str | None = None) -> Variant:
        """The variant by which the key is made: canonical, in the format that `accept` negotiates.

        Raises `EmptyCrop`, `WatermarkMissing`, and `Unavailable` if the row of a watermark's picture cannot be read.
        """
        size = original.width, original.height
        if variant.crop and cropped(variant, size, _UPRIGHT) == (0, 0, *size):
            variant = variant.without("crop")
        if variant.watermark:
            variant = _with_overlay(variant, await self._overlays.digest(variant.watermark))
        return variant

    def forget(self, id: str) -> None:
        """Called when an original was replaced or deleted here: a watermark may show it."""
        self._overlays.forget(id)


@lru_cache(maxsize=1_024)
def _with_overlay(variant: Variant, digest: str) -> Variant:
    """The variant with the digest of its watermark. Cached, because a variant makes its names when it is created."""
    return replace(variant, overlay=digest)
