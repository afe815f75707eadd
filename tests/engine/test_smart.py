"""The crop that shows the subject, on pictures whose subject is known."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
from PIL import Image

from pymager.engine import smart as search
from tests.engine.subjects import GROUNDS, PLACES, SIZES, SUBJECTS, Scene, scene
from tests.pictures import photograph

Box = tuple[int, int, int, int]
TARGETS = [(100, 100), (300, 400), (160, 90)]
SEEDS = (901, 902)


def focus(picture: Image.Image, target: tuple[int, int], area: Box | None = None) -> tuple[float, float]:
    return search.focus(picture, area or (0, 0, *picture.size), target)


def scenes(subject: str, ground: str) -> Iterator[Scene]:
    for (name, size), place, seed in product(SIZES.items(), PLACES.values(), SEEDS):
        yield scene(subject, ground, size, place, seed + len(name))


def crop_share(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, float]:
    """The direction in which a crop can move, and the share of the picture that it has in it."""
    share = size[1] * target[0] / (size[0] * target[1])
    return (0, share) if share < 1 else (1, 1 / share)


def visible(found: Scene, target: tuple[int, int], center: float) -> float:
    """How much of the subject, 0 to 1, is in a crop as near to the center as the edges allow."""
    axis, share = crop_share(found.picture.size, target)
    start = min(max(center - share / 2, 0.0), 1 - share)
    low, high = (found.subject[axis + end] / found.picture.size[axis] for end in (0, 2))
    return max(0.0, min(start + share, high) - max(start, low)) / (high - low)


def by_chance(found: Scene, target: tuple[int, int]) -> float:
    """The mean over crops at all places."""
    _, share = crop_share(found.picture.size, target)
    return float(np.mean([visible(found, target, center) for center in np.linspace(share / 2, 1 - share / 2, 101)]))


def smart(found: Scene, target: tuple[int, int]) -> float:
    center = focus(found.picture, target)[crop_share(found.picture.size, target)[0]]
    return visible(found, target, center)


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_on_every_class_the_smart_crop_shows_more_of_the_subject_than_others(subject: str, ground: str) -> None:
    cases = list(product(scenes(subject, ground), TARGETS))
    found = float(np.mean([smart(*case) for case in cases]))
    center = float(np.mean([visible(*case, 0.5) for case in cases]))
    chance = float(np.mean([by_chance(*case) for case in cases]))
    assert found > center + 0.1
    assert found > chance + 0.1


@pytest.mark.parametrize("subject", ["person", "skin", "saturated", "text"])
def test_a_clear_subject_is_shown_whole_wherever_it_is(subject: str) -> None:
    cases = list(product([*scenes(subject, "flat"), *scenes(subject, "textured")], TARGETS[:1]))
    assert np.mean([smart(*case) for case in cases]) > 0.97


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "LAB"])
def test_pictures_of_every_mode_and_of_any_size_have_a_focus(mode: str) -> None:
    for size in [(1, 1), (1, 300), (300, 1), (2, 2), (96, 97), (4_000, 40), (40, 4_000)]:
        picture = Image.new(mode, size)
        for target in [(1, 1), (100, 1), (1, 100), (3, 2)]:
            assert focus(picture, target) == (0.5, 0.5)


def test_a_crop_with_the_proportions_of_the_picture_needs_no_search() -> None:
    found = scene("person", "flat", (400, 300), (0.0, 0.0), 1)
    assert focus(found.picture, (80, 60)) == (0.5, 0.5)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_the_focus_is_the_same_at_every_scale_and_every_time(factor: int) -> None:
    found = scene("saturated", "flat", (2_400, 1_200), (1.0, 0.0), 5)
    smaller = found.picture.reduce(factor)
    assert abs(focus(smaller, (1, 1))[0] - focus(found.picture, (1, 1))[0]) < 0.03
    assert focus(smaller, (1, 1)) == focus(smaller.copy(), (1, 1))


def test_only_an_area_is_searched() -> None:
    picture = scene("saturated", "flat", (2_400, 1_200), (0.0, 0.0), 5).picture
    assert focus(picture, (1, 1))[0] < 0.4
    assert focus(picture, (1, 1), (1_200, 200, 2_000, 600)) == (0.5, 0.5)
    picture.paste("red", (1_850, 300, 1_950, 400))
    assert focus(picture, (1, 1), (1_200, 200, 2_000, 600))[0] > 0.6


def test_what_is_transparent_draws_no_attention() -> None:
    hidden = Image.new("RGBA", (800, 400), (120, 120, 120, 255))
    hidden.paste((255, 0, 0, 0), (0, 0, 200, 400))
    hidden.paste((0, 0, 255, 255), (600, 100, 700, 200))
    assert focus(hidden, (1, 1))[0] > 0.6


def test_the_picture_is_not_changed() -> None:
    picture = photograph(800, 400, 3)
    before = picture.tobytes()
    focus(picture, (1, 1))
    assert picture.tobytes() == before
