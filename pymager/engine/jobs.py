"""The jobs of a worker process and their results. Needs no decoder."""

from dataclasses import dataclass

from pymager.formats import Encoding
from pymager.names import Variant
from pymager.ports import Description


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an upload is: `format` as in `pymager.formats`; `width` and `height` in pixels, orientation applied."""

    format: str
    width: int
    height: int
    description: Description


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A variant to render: exactly `variant.width` x `variant.height` pixels."""

    variant: Variant
    encoding: Encoding
