"""The picture in every kind of file: nine patches, so that the middle of each can be compared."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 16
"""The width and height of a patch in pixels."""
WIDTH = HEIGHT = 3 * SIDE

COLORS = np.array(
    [
        [(200, 100, 50), (40, 160, 90), (60, 80, 200)],
        [(255, 255, 255), (128, 128, 128), (0, 0, 0)],
        [(230, 200, 30), (30, 200, 220), (180, 60, 160)],
    ],
    dtype=np.uint8,
)
GRAYS = np.array([[0, 32, 64], [96, 128, 160], [192, 224, 255]], dtype=np.uint8)
ALPHAS = np.array([[255, 255, 255], [192, 128, 64], [255, 0, 255]], dtype=np.uint8)

Array = NDArray[np.generic]


def spread(patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An array of 3x3 values as pixels."""
    return np.repeat(np.repeat(patches, SIDE, axis=0), SIDE, axis=1)


RGB, GRAY, ALPHA = spread(COLORS), spread(GRAYS), spread(ALPHAS)
RGBA = np.dstack([RGB, ALPHA])
GRAY_ALPHA = np.dstack([GRAY, ALPHA])


def picture(pixels: NDArray[np.uint8] = RGB) -> Image.Image:
    return Image.fromarray(pixels)


def middles(picture: Image.Image) -> list[tuple[int, ...]]:
    """The nine colors in the middle of the patches, as RGBA, row by row, whatever the size of the picture is."""
    rgba, (width, height) = np.asarray(picture.convert("RGBA")), picture.size
    points = [(x * width // 6, y * height // 6) for y in (1, 3, 5) for x in (1, 3, 5)]
    return [tuple(int(value) for value in rgba[y, x]) for x, y in points]
