"""The steps of the pipeline: functions from a picture to a picture."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from PIL import Image

from pymager.engine.jobs import RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.metadata.fields import NO_COPYRIGHT, Copyright
from pymager.variants.geometry import Rectangle, Target

_NO_PICTURES = PictureLimits(decoders=())


@dataclass(frozen=True, slots=True)
class StepContext:
    """What the steps need to know of the variant and of its original.

    `part` is the part of the decoded picture that the variant shows, and `target` says where it is placed in the
    variant; `turns` are the turns in between (`pymager.variants.geometry`). `profile` is the ICC profile that is left
    to apply, and `gray` says whether the original is gray, also if its pixels are stored as RGB by now. `frame_area` is
    the part of the canvas that a GIF's first frame covers; None in other formats. `copyright` is what the variant keeps
    of the original's metadata. `limits` are those on the picture of a watermark; without them, none is accepted.
    """

    job: RenderJob
    part: Rectangle
    target: Target
    turns: tuple[int, ...] = ()
    profile: bytes | None = None
    gray: bool = False
    frame_area: tuple[int, int, int, int] | None = None
    copyright: Copyright = NO_COPYRIGHT
    limits: PictureLimits = _NO_PICTURES


Step: TypeAlias = Callable[[Image.Image, StepContext], Image.Image]
