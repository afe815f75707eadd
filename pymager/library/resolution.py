"""Resolution: what a variant is for one original, where its URL does not say it all."""

from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants.geometry import cropped
from pymager.variants.variant import Variant

_UPRIGHT = 1


class Resolver:
    """Makes the final variant of an original; `encoding` has the settings' qualities."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding

    async def resolve(self, original: Original, variant: Variant, accept: str | None = None) -> Variant:
        """The variant by which the key is made: canonical, in the format that `accept` negotiates.

        Raises `EmptyCrop`.
        """
        size = original.width, original.height
        if variant.crop and cropped(variant, size, _UPRIGHT) == (0, 0, *size):
            variant = variant.without("crop")
        return variant
