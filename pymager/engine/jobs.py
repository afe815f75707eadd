"""What a worker process is asked, and what it answers. Needs no decoder."""

import hashlib
import json
from dataclasses import dataclass

from pymager.formats import Encoding, output_of
from pymager.names import Variant

PIPELINE_VERSION: int = 1
"""Increase it whenever the same job would give other bytes than before: all variants are rendered again then."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What is accepted as a picture: `decoders` are Pillow's names, or ("*",) for all that run no program.

    `pixels` limits width times height of a frame, `frames` the frames of an animation, `scans` the scans of a JPEG.
    """

    decoders: tuple[str, ...]
    pixels: int = 100_000_000
    frames: int = 1_000
    scans: int = 100


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an upload is; `width` and `height` are in pixels with the orientation applied."""

    format: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class RenderJob:
    """A variant to render: exactly `variant.width` x `variant.height` pixels."""

    variant: Variant
    encoding: Encoding


def recipe(encoding: Encoding, format: str) -> str:
    """A fingerprint, 12 hexadecimal digits, of all that changes a variant of this format but what its name says.

    Another format's settings do not change it.
    """
    output = output_of(format)
    names = output.settings + (() if output.has_transparency else ("background",))
    settings = {name: getattr(encoding, name) for name in names}
    text = json.dumps([PIPELINE_VERSION, format, settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
