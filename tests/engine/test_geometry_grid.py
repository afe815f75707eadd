"""Variants beside those of libvips, over a grid of sizes, options and originals."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pymager.variants.geometry import target
from tests.engine.libvips import Asked, Pixels, expected, sizes
from tests.engine.rendering import opened, rendered
from tests.pairwise import Case, pairwise
from tests.pictures import encoded, photograph
from tests.urls import parse_derived

MAX_MEAN_DIFFERENCE = {"jpeg": 1.5, "png": 0.75}
"""Of 255, by the kind of original: only a JPEG is not decoded completely."""
_WIDTH, _HEIGHT = 643, 427

GRID: Mapping[str, tuple[Any, ...]] = {
    "kind": ("jpeg", "gray-jpeg", "png", "clear-png", "gray-png"),
    "orientation": tuple(range(1, 9)),
    "size": (
        *("80x60", "60x80", "53x53", "160x107", "321x50", "17x211", "427x427", "643x427", "300x427", "640x640"),
        *("800x500", "241x160", "964x642", "200x", "80x", "241x", "700x", "x90", "x333", "x480"),
    ),
    "fit": ("", "contain", "inside", "fill"),
    "enlarge": ("", "true", "false"),
    "gravity": ("", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest", "0.3,0.75",
                "0.905,0.1", "0.5,0.333"),
    "dpr": ("", "1.5", "2"),
    "crop": ("", "", "31,17,400,300", "200,100,9999,9999", "10p,0p,50p,100p", "12.5p,33.3p,70p,50.05p"),
    "rotate": ("", "90", "180", "270"),
    "flip": ("", "h", "v", "hv"),
    "bg": ("", "204060", "20406080"),
}  # fmt: skip
"""The values of each dimension. A PNG has 643x427 pixels as it is stored, a JPEG three times as many on each side."""

CASES = pairwise(GRID, at_least=440)


def shown(case: Case) -> str:
    asked = asked_of(case)
    return f"{case['kind']}-{case['orientation']}-{asked.size}?{asked.query}"


def asked_of(case: Case) -> Asked:
    return Asked(**{name: value for name, value in case.items() if name not in ("kind", "orientation")})


@cache
def original(kind: str, orientation: int) -> bytes:
    """A photograph whose orientation is in its EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    factor = 3 if kind.endswith("jpeg") else 1
    photo = photo_in_color(factor).convert("L" if kind.startswith("gray") else "RGB")
    if kind.endswith("jpeg"):
        return encoded(photo, "JPEG", quality=92, exif=exif.tobytes())
    if kind == "clear-png":
        shape = Image.linear_gradient("L").resize(photo.size, Image.Resampling.BICUBIC)
        shape.paste(0, (400, 100, 480, 180))
        photo.putalpha(shape)
    return encoded(photo, "PNG", compress_level=1, exif=exif.tobytes())


@cache
def photo_in_color(factor: int) -> Image.Image:
    """A photograph that is about as soft as a camera's: no edge and no noise is sharper than a pixel."""
    size = factor * _WIDTH, factor * _HEIGHT
    return photograph(2 * size[0], 2 * size[1], seed=11).resize(size, Image.Resampling.BICUBIC)


def ours(file: bytes, asked: Asked) -> Pixels:
    """The engine's variant in a format without loss, with colors multiplied by alpha."""
    variant = parse_derived(f"a-{asked.size}.tga", asked.query)[1]
    options = {name: getattr(variant, name) for name in ("fit", "enlarge", "gravity", "bg", "crop", "rotate", "flip")}
    found = opened(rendered(file, variant.width, variant.height, variant.format, **options))
    pixels = np.asarray(found.convert("RGBA"), dtype=float)
    pixels[..., :3] *= pixels[..., 3:] / 255
    return pixels


def test_the_grid_is_large() -> None:
    assert len({shown(case) for case in CASES}) >= 400


@pytest.mark.parametrize("case", CASES, ids=shown)
def test_a_variant_has_the_size_and_the_pixels_of_libvips(case: Case) -> None:
    file, asked = original(case["kind"], case["orientation"]), asked_of(case)
    found, best = ours(file, asked), expected(file, asked)
    assert found.shape == best.shape
    difference = np.abs(found - best)
    limit = MAX_MEAN_DIFFERENCE[case["kind"].rpartition("-")[2]]
    assert max(difference[..., :3].mean(), difference[..., 3].mean()) < limit


UNSCALED = {False: ("30x43", "61x20"), True: ("43x30", "20x61")}
"""Sizes that cover a picture of 61x43 without scaling it, by whether it is turned on its side."""


@pytest.mark.parametrize("orientation", GRID["orientation"])
@pytest.mark.parametrize("gravity", GRID["gravity"])
def test_a_variant_that_is_not_scaled_has_the_same_pixels_as_that_of_libvips(gravity: str, orientation: int) -> None:
    """With noise, a cut that is a pixel away has nothing in common."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (43, 61, 3), dtype=np.uint8))
    file = encoded(noise, "PNG", exif=exif.tobytes())
    for rotate, flip in (("", ""), ("90", ""), ("180", "h"), ("270", "v"), ("", "hv")):
        for size in UNSCALED[(orientation > 4) != (rotate in ("90", "270"))]:
            asked = Asked(size, gravity=gravity, rotate=rotate, flip=flip)
            assert np.array_equal(ours(file, asked), expected(file, asked)), asked.query


SIDES = st.integers(1, 120)


@given(
    picture=st.tuples(SIDES, SIDES),
    size=st.builds("{}x{}".format, SIDES, SIDES) | st.builds("{}x".format, SIDES) | st.builds("x{}".format, SIDES),
    fit=st.sampled_from(GRID["fit"]),
    enlarge=st.sampled_from(GRID["enlarge"]),
    dpr=st.sampled_from(("", "1.5", "2", "1.25", "3.33")),
)
@settings(max_examples=1_000)
def test_sizes_are_those_of_the_rules(picture: tuple[int, int], size: str, fit: str, enlarge: str, dpr: str) -> None:
    asked = Asked(size, fit, enlarge, dpr=dpr)
    found = target(parse_derived(f"a-{size}.png", asked.query)[1], picture, 65_535)
    assert (found.size, found.picture) == sizes(asked, *picture)
