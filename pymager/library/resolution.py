"""Resolution: what a variant is for one original, where its URL does not say it all."""

from dataclasses import replace
from functools import lru_cache

from pymager import formats
from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants.geometry import Size, cropped, target, turned_size, turns
from pymager.variants.negotiation import Negotiation, accepted, fallback
from pymager.variants.variant import AUTO, Variant

_UPRIGHT = 1
_NO_MAX_SIDE = 1 << 62
_CACHED_VARIANTS = 8_192


class Resolver:
    """Makes the final variant of an original.

    `encoding` has the settings' qualities, `negotiation` the formats that the extension `auto` stands for.
    """

    def __init__(self, encoding: Encoding, negotiation: Negotiation = Negotiation()) -> None:  # noqa: B008 - frozen
        self._encoding = encoding
        self._negotiation = negotiation
        self._negotiated = lru_cache(maxsize=_CACHED_VARIANTS)(self._in_best_format)

    async def resolve(self, original: Original, variant: Variant, accept: str | None = None) -> Variant:
        """The variant by which the key is made: canonical, in the format that `accept` negotiates.

        Raises `EmptyCrop`.
        """
        size = original.width, original.height
        if variant.crop and cropped(variant, size, _UPRIGHT) == (0, 0, *size):
            variant = variant.without("crop")
        if variant.format == AUTO:
            variant = self._negotiated(variant, size, accepted(accept or ""), _can_be_transparent(original))
        return variant

    def _in_best_format(self, variant: Variant, upright: Size, taken: frozenset[str], alpha: bool) -> Variant:
        """The variant in the best of the formats that the client takes, or in the fallback."""
        best = self._negotiation.best(taken, final_size(variant, upright)) or fallback(alpha=alpha, moves=False)
        return variant.in_format(formats.FORMATS[best], self._encoding)


def final_size(variant: Variant, upright: Size) -> Size:
    """The size of a variant of an upright picture in pixels, except that `trim` is not known. Raises `EmptyCrop`."""
    if not variant.is_one_sided and variant.fit != "inside" and variant.enlarges:
        return variant.size
    left, top, right, bottom = cropped(variant, upright, _UPRIGHT)
    final = turned_size((right - left, bottom - top), turns(variant, _UPRIGHT))
    return target(replace(variant, format="png"), final, _NO_MAX_SIDE).size


def _can_be_transparent(original: Original) -> bool:
    """Whether a pixel of the original may be transparent."""
    row = formats.FORMATS.get(original.format)
    return row is None or row.output is None or row.output.has_transparency
