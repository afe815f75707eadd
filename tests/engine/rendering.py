"""Calls the engine with bytes instead of files."""

import io
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pymager.engine.inspect import inspect
from pymager.engine.jobs import Inspection, RenderJob
from pymager.engine.limits import PictureLimits
from pymager.engine.render import render
from pymager.formats import FORMATS, Encoding
from pymager.variants.variant import Variant

ALL = PictureLimits(decoders=tuple(decoder for format in FORMATS.values() for decoder in format.decoders))
"""The limits of a server that accepts every format that has a row."""

_ENCODING = {field.name for field in fields(Encoding)}


def inspected(
    data: bytes, limits: PictureLimits = ALL, background: tuple[int, int, int] = (255, 255, 255)
) -> Inspection:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "original")
        file.write_bytes(data)
        return inspect(file, limits, background)[0]


def format_and_size(data: bytes) -> tuple[str, int, int]:
    inspection = inspected(data)
    return inspection.format, inspection.width, inspection.height


def rendered(
    data: bytes, width: int, height: int, format: str = "png", limits: PictureLimits = ALL, **options: Any
) -> bytes | None:
    """A variant; `options` are those of the encoding and of the variant."""
    encoding = Encoding(**{name: value for name, value in options.items() if name in _ENCODING})
    own = {name: value for name, value in options.items() if name not in _ENCODING}
    return job_rendered(data, RenderJob(Variant(width, height, format, **own), encoding), limits)


def job_rendered(data: bytes, job: RenderJob, limits: PictureLimits = ALL) -> bytes | None:
    """The variant of a job."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "original")
        file.write_bytes(data)
        return render(file, limits, job)


def opened(data: bytes | None) -> Image.Image:
    assert data is not None
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def as_rgba(data: bytes, width: int, height: int, format: str = "png", **encoding: Any) -> Image.Image:
    """Render a variant, check its size, and convert it to RGBA."""
    picture = opened(rendered(data, width, height, format, **encoding))
    assert picture.size == (width, height)
    return picture.convert("RGBA")


def quadrants(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colors in the middle of the four quarters: top left, top right, bottom left, bottom right."""
    width, height = picture.size
    points = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    pixels = np.asarray(picture)
    return [tuple(int(value) for value in pixels[y, x]) for x, y in points]


def near(found: Any, expected: Any, tolerance: int) -> bool:
    """Whether no value differs from the expected one by more than the tolerance."""
    difference = np.abs(np.asarray(found, dtype=int) - np.asarray(expected, dtype=int))
    return int(difference.max()) <= tolerance
