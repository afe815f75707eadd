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
class RenderJob:
    """A variant to render. `encoding` has its own quality; `max_side` limits a side that follows, in pixels."""

    variant: Variant
    encoding: Encoding
    max_side: int = 65_535
