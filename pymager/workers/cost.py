"""What a job costs before it runs, in seconds of CPU time: from pixels, bytes and formats, and from earlier jobs.

An estimate decides where a job waits and never whether it is refused: a wrong one costs time. `pymager.workers.queue`
says how it is used.
"""

from collections import OrderedDict
from dataclasses import dataclass

from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants.mezzanine import mezzanine_size, serves
from pymager.variants.variant import Variant

CHEAP_SECONDS = 0.25
"""A job that is expected to take longer is expensive."""

_JOB_SECONDS = 0.01  # of any job
_DECODE_SECONDS = {  # for a megapixel
    "jpeg": 0.012,
    "png": 0.04,
    "gif": 0.02,
    "bmp": 0.02,
    "webp": 0.03,
    "avif": 0.05,
    "heic": 0.05,
    "jxl": 0.06,
    "tiff": 0.03,
    "jp2": 0.16,
    "jp2 small tiles": 1.4,
    "bmp runs": 0.5,
    "ppm scaled": 1.3,
    "ppm text": 1.1,
}
_OTHER_DECODE_SECONDS = 0.04
_DRAWING_SECONDS = {"svg": 0.3, "svg filters": 1.0}  # of an SVG: its size says nothing about its cost
_ENCODE_SECONDS = {"jpeg": 0.02, "webp": 0.15, "avif": 0.5, "jxl": 0.1, "jp2": 0.3}
_OTHER_ENCODE_SECONDS = 0.1
_READ_SECONDS = 0.005  # for a megabyte of the file
_UNKNOWN_MEGAPIXELS = 4.0  # for a megabyte of a file whose size in pixels is not known
_NEWEST_WEIGHT = 0.2  # of the newest ratio in the moving average
_MAX_RATIO = 8.0  # so that a few strange pictures change little for the others of their format
_MAX_KINDS = 256


@dataclass(frozen=True, slots=True)
class Work:
    """A job before it runs. `kind` names those that are alike, `seconds` is what such a job usually takes."""

    kind: str
    seconds: float


USUAL = Work("", 0.05)
"""A job of which nothing is known."""

HEADER = Work("header", 0.01)
"""Reading the header of an upload."""


def of_upload(format: str, pixels: int | None, size: int) -> Work:
    """The verification of an upload of `size` bytes. `pixels` and `format` are what its first bytes say, if anything.

    They come from a stranger: a wrong number makes its own job wait in the wrong place.
    """
    megapixels = _UNKNOWN_MEGAPIXELS * size / 1e6 if pixels is None else pixels / 1e6
    return Work(f"verify {format}", _decoding(format, megapixels, size))


def of_variant(
    original: Original, variant: Variant, encoding: Encoding, mezzanine_side: int | None, max_side: int
) -> Work:
    """The render of a variant, from the mezzanine if that serves. `variant` is final, `encoding` its own."""
    size, frames = (original.width, original.height), (original.frames or 1) if variant.animated else 1
    width = variant.width or variant.height * original.width // original.height
    height = variant.height or variant.width * original.height // original.width
    megapixels = frames * min(width, max_side) * min(height, max_side) / 1e6
    output = _ENCODE_SECONDS.get(variant.format, _OTHER_ENCODE_SECONDS) * megapixels
    if mezzanine_side is not None and serves(original, variant, encoding, mezzanine_side, max_side):
        reduced = mezzanine_size(original.format, size, mezzanine_side)
        return Work(f"mezzanine to {variant.format}", _decoding("jpeg", reduced[0] * reduced[1] / 1e6, 0) + output)
    source = _decoding(original.format, frames * size[0] * size[1] / 1e6, original.size)
    return Work(f"{original.format} to {variant.format}", source + output)


def of_original(original: Original) -> Work:
    """The description of an original."""
    return of_upload(original.format, original.width * original.height, original.size)


def _decoding(format: str, megapixels: float, size: int) -> float:
    seconds = _DRAWING_SECONDS.get(format, _JOB_SECONDS)
    return seconds + _DECODE_SECONDS.get(format, _OTHER_DECODE_SECONDS) * megapixels + _READ_SECONDS * size / 1e6


class Estimates:
    """Learns how much more or less than usual the jobs of each kind take on this machine: a moving average."""

    def __init__(self) -> None:
        self._ratios: OrderedDict[str, float] = OrderedDict()

    def seconds(self, work: Work) -> float:
        """What a job is expected to take."""
        return work.seconds * self._ratios.get(work.kind, 1.0)

    def learn(self, work: Work, seconds: float) -> None:
        """Note what a job took."""
        before = self._ratios.pop(work.kind, 1.0)
        ratio = min(_MAX_RATIO, max(1 / _MAX_RATIO, seconds / work.seconds))
        self._ratios[work.kind] = before + _NEWEST_WEIGHT * (ratio - before)
        if len(self._ratios) > _MAX_KINDS:
            self._ratios.popitem(last=False)
