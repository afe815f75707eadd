"""The jobs of a worker process and their results. Needs no decoder."""

from dataclasses import dataclass
from pathlib import Path

from pymager.formats import Encoding
from pymager.ports import Description
from pymager.variants.variant import Variant

Source = Path | int
"""A file that is read: its path, or an open descriptor, which stays open. Worker processes get only descriptors."""


class EncoderFailed(Exception):
    """An encoder raised its cause. The pixels are pymager's own, so mostly it lacks memory, which few encoders say."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an upload is: `format` as in `pymager.formats`; `width` and `height` in pixels, orientation applied.

    `mezzanine` is the file with the mezzanine that was made too; None if none was requested, or none pays. The file
    belongs to the caller.
    """

    format: str
    width: int
    height: int
    description: Description
    mezzanine: Path | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before a pixel is decoded: `format` as in `pymager.formats`, and the stored size in pixels."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Mezzanine:
    """A mezzanine to make, of at most `side` pixels on its longest side.

    `source` is the original's SHA-256 in hexadecimal: a mezzanine is damaged if it was made of another original.
    """

    side: int
    source: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """The picture of a watermark, and how it is drawn (`pymager.variants.watermarks.Watermark`).

    `file` is the original of this revision: the path of a local file, or an open descriptor.
    """

    file: str | int
    revision: str
    gravity: str
    scale: float
    opacity: float
    margin: int


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A variant to render. `encoding` has its own quality; `max_side` limits a side that follows, in pixels.

    `overlay` is drawn over the variant. If `upright` is not None, the file is the mezzanine of an original of this
    width and height in pixels, orientation applied, and with the SHA-256 `source`.
    """

    variant: Variant
    encoding: Encoding
    max_side: int = 65_535
    overlay: Overlay | None = None
    upright: tuple[int, int] | None = None
    source: str = ""
