"""The policy: which sizes and options a URL can ask for.

A stranger must not be able to fill the blob store, so an unsigned URL is bound to what the settings list. A signed URL
is only bound by hard limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pymager import formats
from pymager.errors import OptionNotAllowed, SizeNotAllowed, UnsupportedFormat
from pymager.variants.grammar import Requested
from pymager.variants.numbers import shown_size
from pymager.variants.options import BY_NAME
from pymager.variants.variant import AUTO, Variant


@dataclass(frozen=True, slots=True)
class Policy:
    """Allowed sizes in pixels, with 0 for a side that follows; with `listed` None, any size up to `max_side`.

    In a format that hardly compresses, any size also means at most `Output.max_pixels`, because a stranger could fill
    the store with it ten times as fast as with JPEG.

    `options` maps the names of the options that unsigned URLs can use to their allowed values in canonical text; None
    allows every value. `presets` says whether there are any, and `signatures` whether URLs can be signed, for messages.
    """

    listed: frozenset[tuple[int, int]] | None
    max_side: int
    options: Mapping[str, frozenset[str] | None]
    presets: bool = False
    signatures: bool = False

    def check(self, requested: Requested) -> None:
        """Check what an unsigned URL asks for.

        Raises `SizeNotAllowed`, `OptionNotAllowed`, and `UnsupportedFormat` for a size that the format cannot have.
        """
        for name, text in requested.used:
            self._check_option(name, text)
        is_listed = self.listed is None or requested.variant.size in self.listed
        if not is_listed and not requested.preset:
            raise SizeNotAllowed(
                f"size {requested.variant.shown_size} is not allowed; allowed sizes: {self._shown_sizes()}"
                f"{self._would_help()}"
            )
        self.check_signed(requested)

    def check_signed(self, requested: Requested) -> None:
        """Check the hard limits, which bind signed URLs too. Raises `SizeNotAllowed` and `UnsupportedFormat`."""
        variant = requested.variant
        is_configured = requested.preset and not requested.used
        if not is_configured and (self.listed is None or variant.size not in self.listed):
            self._check_max_side(variant)
        _check_format(variant)

    def _check_option(self, name: str, text: str) -> None:
        if name not in self.options:
            allowed = ", ".join(option for option in BY_NAME if option in self.options)
            raise OptionNotAllowed(
                f"the option {name} is not allowed in an unsigned URL; allowed options: {allowed or 'none'}"
                f"{self._would_help()}"
            )
        values = self.options[name]
        if values is not None and text not in values:
            raise OptionNotAllowed(
                f"the option {name}={text} is not allowed in an unsigned URL; allowed values of {name}: "
                f"{', '.join(sorted(values)) or 'none'}{self._would_help()}"
            )

    def _would_help(self) -> str:
        ways = ("a signature",) * self.signatures + ("a preset",) * self.presets
        return f"; {' or '.join(ways)} would allow it" if ways else ""

    def _check_max_side(self, variant: Variant) -> None:
        shown = variant.shown_size
        if max(variant.size) > self.max_side:
            raise SizeNotAllowed(f"{shown} is too large: a side can have at most {self.max_side} pixels")
        max_pixels = None if variant.format == AUTO else variant.output.max_pixels
        if max_pixels is not None and variant.width * variant.height > max_pixels:
            raise SizeNotAllowed(
                f"{shown} is too large for {variant.format}: a variant in this format can have at most "
                f"{max_pixels} pixels, unless PYMAGER_SIZES lists its size"
            )

    def _shown_sizes(self) -> str:
        return ", ".join(map(shown_size, sorted(self.listed or ()))) or "none"


def _check_format(variant: Variant) -> None:
    """Raises `UnsupportedFormat` for a size that the format cannot have."""
    if variant.format == AUTO:
        return
    output = formats.output_of(variant.format)
    if max(variant.size) > output.max_side:
        raise UnsupportedFormat(
            f"{variant.shown_size} is too large for {variant.format}: a side can have at most {output.max_side} pixels"
        )
