"""The size policy: which sizes a variant can have."""

from dataclasses import dataclass

from pymager import formats
from pymager.errors import SizeNotAllowed, UnsupportedFormat
from pymager.names import Variant


@dataclass(frozen=True, slots=True)
class SizePolicy:
    """Allowed sizes in pixels; with `listed` None, any size whose sides are at most `max_side`."""

    listed: frozenset[tuple[int, int]] | None
    max_side: int

    def check(self, variant: Variant) -> None:
        """Raises `SizeNotAllowed`, and `UnsupportedFormat` for a size that the format cannot have."""
        shown = f"{variant.width}x{variant.height}"
        if self.listed is None:
            if max(variant.size) > self.max_side:
                raise SizeNotAllowed(f"{shown} is too large: a side can have at most {self.max_side} pixels")
        elif variant.size not in self.listed:
            allowed = ", ".join(f"{width}x{height}" for width, height in sorted(self.listed))
            raise SizeNotAllowed(f"size {shown} is not allowed; allowed sizes: {allowed or 'none'}")
        max_side = formats.output_of(variant.format).max_side
        if max(variant.size) > max_side:
            raise UnsupportedFormat(
                f"{shown} is too large for {variant.format}: a side can have at most {max_side} pixels"
            )
