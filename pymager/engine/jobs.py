"""The jobs of a worker process and their results. Needs no decoder."""

from dataclasses import dataclass

from pymager.formats import Encoding
from pymager.ports import Description
from pymager.variants.variant import Variant


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an upload is: `format` as in `pymager.formats`; `width` and `height` in pixels, orientation applied."""

    format: str
    width: int
    height: int
    description: Description


@dataclass(frozen=True, slots=True)
class Overlay:
    """The picture of a watermark, and how it is drawn (`pymager.variants.watermarks.Watermark`).

    `path` is a local file with the original of this revision.
    """

    path: str
    revision: str
    gravity: str
    scale: float
    opacity: float
    margin: int


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A variant to render. `encoding` has its own quality; `max_side` limits a side that follows, in pixels.

    `overlay` is drawn over the variant.
    """

    variant: Variant
    encoding: Encoding
    max_side: int = 65_535
    overlay: Overlay | None = None
