"""Animations that are damaged or made to cost much: always a refusal or a picture, never another exception."""

import random
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from pymager.engine.animation.parts import Parts
from pymager.engine.animation.read_gif import read as read_gif
from pymager.engine.animation.read_png import read as read_png
from pymager.engine.animation.read_webp import read as read_webp
from pymager.errors import PictureError
from tests.engine import moving
from tests.engine.test_animations import FORMATS, TRICKY_APNGS, TRICKY_GIFS, TRICKY_WEBPS, shown

SEEDS = {
    "gif": TRICKY_GIFS["disposal 3"],
    "png": TRICKY_APNGS["disposal 2, blend 1"],
    "webp": TRICKY_WEBPS["clears, blends"],
}


def seed(format: str) -> bytes:
    return SEEDS.get(format) or moving.original(format, alpha=True, plays=2)


def shown_or_refused(data: bytes) -> int:
    """The number of frames; 0 if the animation is refused, or is none."""
    try:
        return len(shown(data).frames)
    except (PictureError, AssertionError):
        return 0


@pytest.mark.parametrize("format", FORMATS)
def test_a_truncated_animation_is_refused_or_shown(format: str) -> None:
    data = seed(format)
    whole = shown_or_refused(data)
    counts = [shown_or_refused(data[:end]) for end in range(8, len(data), max(1, len(data) // 150))]
    assert whole > 1
    assert 0 in counts
    assert max(counts) <= whole


@pytest.mark.parametrize("format", FORMATS)
def test_a_damaged_animation_is_refused_or_shown(format: str) -> None:
    data, chance = seed(format), random.Random(format)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(8, len(data))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        outcomes.add(bool(shown_or_refused(bytes(damaged))))
    assert outcomes == {False, True}


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_a_thousand_frames_of_one_pixel_on_a_large_canvas_take_one_canvas(format: str) -> None:
    """Reading the list of the parts needs no picture in memory, whatever the size of the canvas is."""
    makers: dict[str, tuple[Callable[[], bytes], Callable[[bytes], Parts | None]]] = {
        "gif": (
            lambda: moving.gif((5000, 5000), [moving.gif_part((0, 0, 1, 1), [1])] * 1000, palette=bytes(12)),
            read_gif,
        ),
        "webp": (
            lambda: moving.webp((5000, 5000), [moving.webp_part((0, 0, 1, 1), (1, 2, 3, 255))] * 1000),
            read_webp,
        ),
        "png": (
            lambda: moving.apng((5000, 5000), [moving.apng_part((0, 0, 1, 1), (1, 2, 3, 255))] * 1000),
            read_png,
        ),
    }
    make, read = makers[format]
    data = make()
    tracemalloc.start()
    try:
        parts = read(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert parts is not None
    assert (parts.size, len(parts.parts)) == ((5000, 5000), 1000)
    assert peak < 4_000_000


@pytest.mark.parametrize(
    "area", [(8, 0, 6, 6), (0, 8, 6, 6), (4_000_000_000, 0, 6, 6), (0, 0, 0, 4), (0, 0, 4, 0), (0, 0, 13, 10)]
)
def test_an_apng_with_a_frame_outside_of_the_picture_is_refused(area: tuple[int, int, int, int]) -> None:
    parts = [moving.apng_part((0, 0, 12, 10), (1, 2, 3, 255)), moving.apng_part((0, 0, 4, 4), (9, 9, 9, 255))]
    left, top, width, height = area
    control = b"".join(value.to_bytes(4) for value in (width, height, left, top)) + parts[1][0][16:]
    with pytest.raises(PictureError):
        shown(moving.apng((12, 10), [parts[0], (control, parts[1][1])]))


def test_an_apng_whose_frame_has_no_pixels_is_refused() -> None:
    parts = [moving.apng_part((0, 0, 12, 10), (1, 2, 3, 255)), moving.apng_part((0, 0, 4, 4), (9, 9, 9, 255))]
    with pytest.raises(PictureError):
        shown(moving.apng((12, 10), [parts[0], (parts[1][0], b"")]))


def test_a_gif_part_without_pixels_is_skipped_and_keeps_its_time() -> None:
    parts = [
        moving.gif_part((0, 0, 4, 4), [1] * 16, hundredths=3),
        moving.gif_part((0, 0, 0, 0), [], hundredths=7),
        moving.gif_part((0, 0, 2, 2), [2] * 4, hundredths=4),
    ]
    film = shown(moving.gif((4, 4), parts, palette=bytes(range(12))))
    assert film.milliseconds == [30, 70, 40]
    assert np.array_equal(film.frames[0], film.frames[1])


def test_a_webp_that_lies_about_the_size_of_a_frame_is_refused() -> None:
    part = bytearray(moving.webp_part((0, 0, 4, 4), (1, 2, 3, 255)))
    part[8 + 6] = 7  # the width, minus one
    with pytest.raises(PictureError):
        shown(moving.webp((12, 10), [moving.webp_part((0, 0, 12, 10), (9, 9, 9, 255)), bytes(part)]))
