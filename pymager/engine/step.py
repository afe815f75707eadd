"""What the steps of the pipeline are told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image

from pymager.engine.jobs import RenderJob

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class StepContext:
    """One derived picture to make.

    `box` is the part of the decoded picture that is to be seen, as left, top, right and bottom before any turn;
    `orientation` is EXIF's; `profile` is the picture's ICC profile; `drawn` is the part that a first frame covers.
    """

    job: RenderJob
    box: Box
    orientation: int = 1
    profile: bytes | None = None
    drawn: tuple[int, int, int, int] | None = None


Step: TypeAlias = Callable[[Image.Image, StepContext], Image.Image]
