"""A step of the pipeline, and what it knows of the variant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image

from pymager.engine.jobs import RenderJob

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class StepContext:
    """What the steps know of the variant that is rendered.

    `box` is the part of the decoded picture to show, as left, top, right and bottom, before the orientation is applied.
    `orientation` is EXIF's, `profile` is the ICC profile, `drawn` is the part that a GIF's first frame covers.
    """

    job: RenderJob
    box: Box
    orientation: int = 1
    profile: bytes | None = None
    drawn: tuple[int, int, int, int] | None = None


Step: TypeAlias = Callable[[Image.Image, StepContext], Image.Image]
