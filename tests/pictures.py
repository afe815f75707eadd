"""Photographs made by code: smooth light, hard edges and sensor noise, the same for the same seed."""

import functools
import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from pymager.engine import jxl

jxl.register()


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """An RGB picture that compresses about as a photograph does: gradients, shapes with edges, and noise."""
    return _photograph(width, height, seed).copy()


@functools.lru_cache(maxsize=8)
def _photograph(width: int, height: int, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    light = Image.fromarray(random.integers(40, 216, (6, 8, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    _shapes(light, random)
    light = light.filter(ImageFilter.GaussianBlur(max(width, height) / 4000))
    tile = random.normal(0, 3, (256, 256, 1)).astype(np.float32)
    noise = np.tile(tile, (height // 256 + 1, width // 256 + 1, 1))[:height, :width]
    pixels = np.asarray(light, dtype=np.float32) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _shapes(picture: Image.Image, random: np.random.Generator) -> None:
    """Draw some sixty things of all sizes over the picture."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for _ in range(60):
        x, y = random.uniform(0, width), random.uniform(0, height)
        size = max(width, height) * random.uniform(0.005, 0.12)
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        box = (x - size, y - size * random.uniform(0.3, 1), x + size, y + size)
        kind = random.integers(3)
        if kind == 0:
            draw.ellipse(box, fill=colour)
        elif kind == 1:
            draw.rectangle(box, fill=colour)
        else:
            draw.line((box[0], box[1], box[2], box[3]), fill=colour, width=max(1, int(size / 12)))


def encoded(picture: Image.Image, format: str, **options: Any) -> bytes:
    """The picture's bytes in one of Pillow's formats."""
    out = io.BytesIO()
    picture.copy().save(out, format, **options)  # a copy: a picture remembers how it was saved
    return out.getvalue()


@functools.lru_cache(maxsize=64)
def jpeg(width: int, height: int, seed: int = 0, quality: int = 85, **options: Any) -> bytes:
    """A photograph as a JPEG."""
    return encoded(photograph(width, height, seed), "JPEG", quality=quality, **options)


def svg(width: int, height: int) -> bytes:
    """A vector graphic with a gradient, shapes and text."""
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 120 90">
<defs><linearGradient id="sky"><stop stop-color="#135"/><stop offset="1" stop-color="#fc9"/></linearGradient></defs>
<rect width="120" height="90" fill="url(#sky)"/><circle cx="60" cy="45" r="30" fill="#c33" opacity="0.8"/>
<path d="M10 80 L60 20 L110 80 Z" fill="none" stroke="#fff" stroke-width="3"/><text x="20" y="85">pymager</text>
</svg>""".encode()
