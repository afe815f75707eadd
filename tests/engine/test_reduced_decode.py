"""JPEGs are decoded at a half, a quarter or an eighth of their size, with every option that allows it."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from PIL import Image

from pymager.engine import render
from pymager.engine.decode import Decoded, decode_jpeg
from pymager.engine.original import OpenOriginal
from tests.engine.rendering import opened, rendered
from tests.pictures import encoded, photograph
from tests.urls import parse_derived

WIDTH, HEIGHT = 1600, 1200
MAX_MEAN_DIFFERENCE = 2.0  # of 255; at exactly an eighth, the decoder's blocks take the place of the Lanczos filter

FACTORS = {
    "200x150": 8,
    "201x150": 4,
    "400x300": 4,
    "401x300": 2,
    "800x600": 2,
    "801x600": 1,
    # one side
    "200x": 8,
    "201x": 4,
    "x150": 8,
    "x301": 2,
    "3200x": 1,
    "1900x?enlarge=true": 1,
    # fit
    "200x200?fit=inside": 8,
    "150x200?fit=inside": 8,
    "999x300?fit=inside": 4,
    "200x9999?fit=contain": 8,
    "400x900?fit=contain": 4,
    "900x900?fit=contain": 1,
    "200x600?fit=fill": 2,  # the direction that is reduced less decides
    "100x800?fit=fill": 1,
    "200x150?fit=fill": 8,
    "200x200": 4,  # cover shows 1200x1200 of the picture
    "150x150": 8,
    "3200x2400?enlarge=false": 1,
    "3200x100?enlarge=false": 1,
    # gravity
    "150x150?gravity=southeast": 8,
    "150x150?gravity=0.3,0.75": 8,
    "150x150?fit=contain&gravity=north": 8,
    # dpr
    "100x75?dpr=2": 8,
    "100x75?dpr=2.01": 4,
    # rotate and flip
    "150x200?rotate=90": 8,
    "200x150?rotate=90": 4,  # cover shows 1200x900 of 1200x1600
    "200x150?rotate=180&flip=h": 8,
    "150x?rotate=270": 8,
    "200x?rotate=270": 4,
    "200x150?flip=hv": 8,
    # crop
    "100x?crop=0,0,800,597": 8,  # 74.625 is rounded to 75
    "100x?crop=0,0,799,597": 4,
    "100x100?crop=0,0,800,596&fit=inside": 8,
    "100x100?crop=0,0,800,597&fit=contain": 8,
    "x75?crop=0,0,797,600": 8,
    "100x75?crop=0,0,800,595&fit=fill": 4,  # lacks 0.6 pixels
    "100x100?crop=0,0,800,800": 8,
    "100x100?crop=101,33,800,800": 8,
    "100x100?crop=101,33,799,800": 4,
    "100x75?crop=25p,25p,50p,50p": 8,
    "100x75?crop=25p,25p,49p,50p": 4,
    "400x400?crop=1200,800,9999,9999": 1,
    "100x133?crop=0,0,800,600&rotate=90&fit=inside": 4,
    "75x100?crop=0,0,800,600&rotate=90&fit=inside": 8,
    # what does not change the geometry
    "200x150?bg=204060": 8,
    "200x150?q=20": 8,
    "200x150?gray=true": 8,
    "200x150?sharpen=1": 8,
    "200x150?blur=2": 8,
}
"""Into how many pixels in each direction one is decoded, of a JPEG of 1600x1200."""


@cache
def original(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = photograph(2 * WIDTH, 2 * HEIGHT, seed=5).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return encoded(photo, "JPEG", quality=90, exif=exif.tobytes())


@pytest.fixture
def factors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The factors of the decodes of a test."""
    seen: list[int] = []

    def decode(original: OpenOriginal, factor: int = 1) -> Decoded:
        seen.append(factor)
        return decode_jpeg(original, factor)

    monkeypatch.setattr(render, "decode_jpeg", decode)
    yield seen


def variant_of(data: bytes, url: str) -> Image.Image:
    name, _, query = url.partition("?")
    variant = parse_derived(f"a-{name}.jpg", query)[1]
    options = {name: getattr(variant, name) for name in ("fit", "enlarge", "gravity", "crop", "rotate", "flip", "bg")}
    return opened(rendered(data, variant.width, variant.height, "ppm", **options)).convert("RGB")


@pytest.mark.parametrize(("url", "factor"), FACTORS.items())
def test_a_jpeg_is_decoded_as_small_as_the_options_allow(factors: list[int], url: str, factor: int) -> None:
    variant_of(original(), url)
    assert factors == [factor]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_does_not_hinder_a_reduced_decode(factors: list[int], orientation: int) -> None:
    size = "200x150" if orientation < 5 else "150x200"
    for url in (size, f"{size}?fit=fill", f"{size}?fit=inside", f"{size}?fit=contain", f"{size}?flip=h"):
        variant_of(original(orientation), url)
    assert factors == [8] * 5


@pytest.mark.parametrize("url", [url for url, factor in FACTORS.items() if factor > 1])
def test_a_variant_of_a_reduced_decode_looks_like_one_of_all_pixels(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    found = variant_of(original(), url)
    monkeypatch.setattr(render, "can_be_reduced", lambda original: False)
    best = variant_of(original(), url)
    assert found.size == best.size
    difference = np.abs(np.asarray(found, dtype=float) - np.asarray(best, dtype=float))
    assert difference.mean() < MAX_MEAN_DIFFERENCE
