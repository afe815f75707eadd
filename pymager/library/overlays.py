"""The pictures of watermarks: which revision of each is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from pymager.errors import NotFound, WatermarkChanged, WatermarkMissing
from pymager.ports import MetadataStore, Original
from pymager.variants.variant import Variant
from pymager.variants.watermarks import Watermark

REVISION_TTL_SECONDS = 5.0
"""How long a replaced or deleted watermark can still be drawn: a hit must not cost a second read of the catalog."""


@dataclass(frozen=True, slots=True)
class _Known:
    digest: str
    until: float


class Overlays:
    """The watermarks of the settings by their names, and the catalog's rows of their pictures."""

    def __init__(self, metadata: MetadataStore, watermarks: Mapping[str, Watermark]) -> None:
        self._metadata = metadata
        self._watermarks = watermarks
        self._known: dict[str, _Known] = {}

    async def digest(self, name: str) -> str:
        """What the variants with this watermark are named by; at most `REVISION_TTL_SECONDS` old.

        Raises `WatermarkMissing`, and `Unavailable` if the catalog cannot be read.
        """
        known = self._known.get(name)
        if known is not None and monotonic() < known.until:
            return known.digest
        read_at = monotonic()
        watermark, original = await self._read(name)
        digest = watermark.digest(original.revision)
        self._known[name] = _Known(digest, read_at + REVISION_TTL_SECONDS)
        return digest

    async def current(self, variant: Variant) -> tuple[Watermark, Original]:
        """The watermark of a variant and the row of its picture, read now.

        Raises `WatermarkChanged` if the variant's digest is of another revision, `WatermarkMissing` and `Unavailable`.
        """
        self._known.pop(variant.watermark, None)
        watermark, original = await self._read(variant.watermark)
        if watermark.digest(original.revision) != variant.overlay:
            raise WatermarkChanged(variant.watermark)
        return watermark, original

    def forget(self, id: str) -> None:
        """Read the rows of the watermarks whose picture is this original again when they are needed."""
        for name, watermark in self._watermarks.items():
            if watermark.image == id:
                self._known.pop(name, None)

    async def _read(self, name: str) -> tuple[Watermark, Original]:
        watermark = self._watermarks.get(name)
        if watermark is None:
            raise WatermarkMissing(f"PYMAGER_WATERMARKS has no watermark '{name}'")
        try:
            return watermark, await self._metadata.get(watermark.image)
        except NotFound:
            raise WatermarkMissing(
                f"the picture of the watermark '{name}' does not exist; upload it with POST /original/{watermark.image}"
            ) from None
