"""The size policy: which sizes a variant can have."""

from dataclasses import dataclass

from pymager import formats
from pymager.errors import SizeNotAllowed, UnsupportedFormat
from pymager.names import Variant


@dataclass(frozen=True, slots=True)
class SizePolicy:
    """Allowed sizes in pixels; with `listed` None, any size whose sides are at most `max_side`.

    In a format that hardly compresses, any size also means at most `Output.max_pixels`, because a stranger could fill
    the store with it ten times as fast as with JPEG.
    """

    listed: frozenset[tuple[int, int]] | None
    max_side: int

    def check(self, variant: Variant) -> None:
        """Raises `SizeNotAllowed`, and `UnsupportedFormat` for a size that the format cannot have."""
        if self.listed is not None and variant.size not in self.listed:
            allowed = ", ".join(f"{width}x{height}" for width, height in sorted(self.listed))
            raise SizeNotAllowed(f"size {_shown(variant)} is not allowed; allowed sizes: {allowed or 'none'}")
        self.check_signed(variant)

    def check_signed(self, variant: Variant) -> None:
        """Check only the limits that hold for signed URLs too. Raises the same errors."""
        shown = _shown(variant)
        output = formats.output_of(variant.format)
        if self.listed is None or variant.size not in self.listed:
            if max(variant.size) > self.max_side:
                raise SizeNotAllowed(f"{shown} is too large: a side can have at most {self.max_side} pixels")
            if output.max_pixels is not None and variant.width * variant.height > output.max_pixels:
                raise SizeNotAllowed(
                    f"{shown} is too large for {variant.format}: a variant in this format can have at most "
                    f"{output.max_pixels} pixels, unless PYMAGER_SIZES lists its size"
                )
        if max(variant.size) > output.max_side:
            raise UnsupportedFormat(
                f"{shown} is too large for {variant.format}: a side can have at most {output.max_side} pixels"
            )


def _shown(variant: Variant) -> str:
    return f"{variant.width}x{variant.height}"
