"""Pictures with one subject at a known place."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Box = tuple[int, int, int, int]
Random = np.random.Generator

SKIN = [(255, 219, 172), (241, 194, 125), (224, 172, 105), (198, 134, 66), (141, 85, 36), (92, 56, 30)]
"""Light to dark."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, and the box around its subject in pixels."""

    picture: Image.Image
    subject: Box


def flat(size: tuple[int, int], random: Random) -> Image.Image:
    level = int(random.integers(60, 230))
    tint = random.integers(-12, 13, 3)
    return Image.new("RGB", size, tuple(int(v) for v in np.clip(level + tint, 0, 255)))


def gradient(size: tuple[int, int], random: Random) -> Image.Image:
    corners = random.integers(80, 200, (2, 2, 1)) + random.integers(-15, 16, (2, 2, 3))
    return Image.fromarray(corners.clip(0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def textured(size: tuple[int, int], random: Random) -> Image.Image:
    """Noise of two scales around a dull color, as grass or a wall has it."""
    width, height = size
    base = random.integers(70, 170) + random.integers(-15, 16, 3)
    fine = random.normal(0, 22, (height, width, 1))
    coarse = random.normal(0, 18, (height // 12 + 1, width // 12 + 1)).astype(np.float32)
    clouds = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC))[:, :, None]
    return Image.fromarray(np.clip(base + fine + clouds, 0, 255).astype(np.uint8))


def striped(size: tuple[int, int], random: Random) -> Image.Image:
    """Dull stripes, such as a fence: edges everywhere."""
    picture = flat(size, random)
    draw = ImageDraw.Draw(picture)
    step = int(random.integers(24, 60))
    level = int(random.integers(60, 230))
    for x in range(0, size[0], step):
        draw.rectangle((x, 0, x + step // 3, size[1]), fill=(level, level, level - 10))
    return picture.filter(ImageFilter.GaussianBlur(1))


def person(picture: Image.Image, box: Box, random: Random) -> None:
    """A face with dark hair and eyes, above a dull body."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    draw = ImageDraw.Draw(picture)
    face = SKIN[int(random.integers(len(SKIN)))]
    draw.ellipse((left, top, right, bottom), fill=(50, 35, 25))
    draw.ellipse((left + width * 0.08, top + height * 0.15, right - width * 0.08, bottom), fill=face)
    for x in (0.33, 0.67):
        eye = (left + width * (x - 0.06), top + height * 0.45, left + width * (x + 0.06), top + height * 0.53)
        draw.ellipse(eye, fill=(30, 25, 25))
    mouth = (left + width * 0.35, top + height * 0.75, left + width * 0.65, top + height * 0.8)
    draw.rectangle(mouth, fill=(150, 60, 60))


def skin(picture: Image.Image, box: Box, random: Random) -> None:
    """A plain ellipse in the color of skin."""
    ImageDraw.Draw(picture).ellipse(box, fill=SKIN[int(random.integers(len(SKIN)))])


def saturated(picture: Image.Image, box: Box, random: Random) -> None:
    """A ball in a strong color."""
    hue = int(random.integers(360))
    ImageDraw.Draw(picture).ellipse(box, fill=f"hsl({hue}, 90%, 50%)")


def text(picture: Image.Image, box: Box, random: Random) -> None:
    """Dark or light lines of letter-like marks."""
    left, top, right, bottom = box
    draw = ImageDraw.Draw(picture)
    ink = 20 if np.asarray(picture.crop(box)).mean() > 120 else 240
    line = max(4, (bottom - top) // 8)
    for y in range(top, bottom - line, line * 2):
        x = left
        while x < right - line:
            width = int(random.integers(line // 3 + 1, line + 2))
            draw.rectangle((x, y, x + width // 2, y + line), fill=(ink, ink, ink))
            x += width + 2


def detail(picture: Image.Image, box: Box, random: Random) -> None:
    """A checkered thing with the mean color of the ground."""
    part = np.asarray(picture.crop(box).resize((1, 1), Image.Resampling.BOX), int)[0, 0]
    cell = max(4, (box[2] - box[0]) // 10)
    draw = ImageDraw.Draw(picture)
    for row, y in enumerate(range(box[1], box[3], cell)):
        for column, x in enumerate(range(box[0], box[2], cell)):
            change = 55 if (row + column) % 2 else -55
            color = tuple(int(v) for v in np.clip(part + change, 0, 255))
            draw.rectangle((x, y, min(x + cell, box[2]) - 1, min(y + cell, box[3]) - 1), fill=color)


GROUNDS: dict[str, Callable[[tuple[int, int], Random], Image.Image]] = {
    "flat": flat,
    "gradient": gradient,
    "textured": textured,
    "striped": striped,
}
SUBJECTS: dict[str, Callable[[Image.Image, Box, Random], None]] = {
    "person": person,
    "skin": skin,
    "saturated": saturated,
    "text": text,
    "detail": detail,
}
SIZES = {"landscape": (960, 480), "portrait": (480, 960)}
PLACES = {
    "northwest": (0.0, 0.0),
    "northeast": (1.0, 0.0),
    "southwest": (0.0, 1.0),
    "southeast": (1.0, 1.0),
    "middle": (0.5, 0.5),
    "third": (0.3, 0.3),
    "two thirds": (0.7, 0.7),
}


def scene(subject: str, ground: str, size: tuple[int, int], place: tuple[float, float], seed: int) -> Scene:
    """A picture of the size with the subject at a place: fractions of the room that it leaves."""
    random = np.random.default_rng(seed)
    picture = GROUNDS[ground](size, random)
    side = int(min(size) * random.uniform(0.18, 0.4))
    jitter = random.uniform(-0.06, 0.06, 2)
    x, y = (int(np.clip(p + j, 0.02, 0.98) * (room - side)) for p, j, room in zip(place, jitter, size, strict=True))
    box = (x, y, x + side, y + side)
    SUBJECTS[subject](picture, box, random)
    return Scene(picture, box)
