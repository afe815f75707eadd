"""Finds what people look at in a picture: where a crop should be."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pymager.engine.containers.container import Box

Floats = NDArray[np.float32]

_MAP_SIDE = 96
"""The longer side of the picture that is searched, in pixels."""
_SAMPLES_PER_PIXEL = 4
"""A large picture is sampled at so many places along each side of a pixel of the picture that is searched."""
_CENTER_PREFERENCE = 0.02
"""How much more the middle of a picture counts than its edges: it decides where nothing stands out."""
_FAINT = 0.03
"""A difference, of 1 between black and white, that hardly draws the eye."""
_SPREAD_PENALTY = 6
"""How strongly something counts less if it is spread over the picture, such as the sky's blue."""
_EDGE_OF_CROP = 0.4
"""What a place at the edge of a crop counts, relative to its middle."""
_SKIN = np.array([0.80, 0.50, 0.35], np.float32) / np.float32(np.linalg.norm([0.80, 0.50, 0.35]))
"""The direction of skin in RGB: brightness differs among people, the proportions of red, green and blue hardly do."""
_SKIN_COSINES = (0.975, 0.995)
"""Cosines of a color's angle to skin: below the first it is not skin, above the second it certainly is."""
_SKIN_BRIGHTNESS = (0.2, 0.98)
"""The range of the brightest channel of skin."""


def focus(picture: Image.Image, area: Box, target: tuple[int, int]) -> tuple[float, float]:
    """The center of the best crop of an area with the target's proportions, as fractions of the area's sides.

    The crop is as large as the area allows, so it moves in one direction only; the other fraction is 0.5. The result
    depends on the pixels and the proportions alone. `picture` is in L, RGB, RGBA, CMYK or LAB, of any size, and is not
    changed.
    """
    width, height = area[2] - area[0], area[3] - area[1]
    share = height * target[0] / (width * target[1])  # of the width, if it is less than 1
    if share == 1:
        return 0.5, 0.5
    interest = _interest(_reduced(picture, area))
    if share < 1:
        return _best_center(interest.sum(axis=0), share), 0.5
    return 0.5, _best_center(interest.sum(axis=1), 1 / share)


def _reduced(picture: Image.Image, area: Box) -> Image.Image:
    """A small RGBA or RGB picture of the area. A large one is sampled first, which costs the same for every size."""
    size = area[2] - area[0], area[3] - area[1]
    sampled = _MAP_SIDE * _SAMPLES_PER_PIXEL
    if max(size) > 2 * sampled:
        width, height = (max(1, round(side * sampled / max(size))) for side in size)
        part = picture.resize((width, height), Image.Resampling.NEAREST, area)
    else:
        part = picture.crop(area)
    if part.mode not in ("RGB", "RGBA"):
        part = part.convert("RGB")
    return part.reduce(max(1, round(max(part.size) / _MAP_SIDE)))


def _interest(picture: Image.Image) -> Floats:
    """How much each pixel draws the eye: edges, saturation, skin, and colors that the rest does not have."""
    pixels: Floats = np.asarray(picture, np.float32) / np.float32(255)
    alpha = pixels[:, :, 3] if pixels.shape[2] == 4 else None
    colors: Floats = pixels[:, :, :3]
    if alpha is not None:
        colors = colors * alpha[:, :, None] + np.float32(0.5) * (1 - alpha[:, :, None])
    maps = (_edges(colors), _saturation(colors), _skin(colors), _rarity(colors))
    interest: Floats = sum((_standing_out(map) for map in maps), np.zeros(colors.shape[:2], np.float32))
    return interest if alpha is None else np.multiply(interest, alpha)


def _edges(colors: Floats) -> Floats:
    """How much the colors change at a pixel, in the channel in which they change most."""
    padded = np.pad(colors, ((1, 1), (1, 1), (0, 0)), mode="edge")
    across = np.abs(padded[1:-1, 2:] - padded[1:-1, :-2])
    down = np.abs(padded[2:, 1:-1] - padded[:-2, 1:-1])
    strongest: Floats = (across + down).max(axis=2)
    return strongest


def _saturation(colors: Floats) -> Floats:
    """The difference of the largest and the smallest channel: 0 for gray, 1 for pure colors."""
    saturation: Floats = colors.max(axis=2) - colors.min(axis=2)
    return saturation


def _skin(colors: Floats) -> Floats:
    """How sure it is that a color is one of skin, 0 to 1."""
    length = np.sqrt(np.square(colors).sum(axis=2))
    cosine = (colors @ _SKIN) / np.maximum(length, np.float32(1e-3))
    brightest = colors.max(axis=2)
    low, high = _SKIN_COSINES
    likeness = np.clip((cosine - low) / (high - low), 0, 1)
    return np.where((brightest >= _SKIN_BRIGHTNESS[0]) & (brightest <= _SKIN_BRIGHTNESS[1]), likeness, np.float32(0))


def _rarity(colors: Floats) -> Floats:
    """How far a color is from the median of the picture's."""
    difference = colors - np.median(colors, axis=(0, 1))
    distance: Floats = np.sqrt(np.square(difference).sum(axis=2))
    return distance


def _standing_out(map: Floats) -> Floats:
    """What is above the median, so that a texture or a color that is everywhere counts nothing.

    The sum is below 1, whatever the map is of. It is close to 1 where few places stand out clearly.
    """
    above: Floats = np.square(np.maximum(map - np.median(map), 0))
    total, squares = float(above.sum()), float(np.square(above).sum())
    if not squares:
        return above
    spread = total * total / (above.size * squares)  # 1 if all places are equal, close to 0 if one is everything
    return above * np.float32((1 - spread) ** _SPREAD_PENALTY / (total + above.size * _FAINT**2))


def _best_center(profile: Floats, share: float) -> float:
    """The center of the part of a line that has the most, as a fraction of the line; `share` is the part's length."""
    count = len(profile)
    places = (np.arange(count) + 0.5) / count
    weights = profile / max(float(profile.sum()), 1e-6)
    starts = np.linspace(0, 1 - share, 2 * count + 1)
    centers = starts + share / 2
    # The weight of each place in each crop: 1 in its middle, less at its edges, 0 outside.
    distance = np.abs(places[None, :] - centers[:, None]) / (share / 2)
    inside = np.where(distance <= 1, 1 - (1 - _EDGE_OF_CROP) * np.square(distance), 0)
    scores = inside @ weights - _CENTER_PREFERENCE * np.square(centers - 0.5)
    best = np.flatnonzero(scores >= scores.max() - 1e-9)
    return round(float(centers[best[len(best) // 2]]), 4)
