"""Variants from mezzanines look as those from originals, up to the largest that a mezzanine serves.

They are compared as PNGs: the encoder of a lossy format makes the two differ by more.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pymager.engine.inspect import inspect
from pymager.engine.jobs import Mezzanine, Overlay, RenderJob
from pymager.engine.render import render
from pymager.errors import EmptyCrop
from pymager.formats import Encoding
from pymager.ports import Original
from pymager.variants import mezzanine as rules
from pymager.variants.geometry import turned_size
from pymager.variants.variant import Variant
from tests.engine.mezzanine_kinds import JPEGS, OTHERS, WITHOUT, grained, jpeg, photo, text, turned, with_alpha
from tests.engine.rendering import ALL, opened
from tests.engine.test_quality import ssim
from tests.pictures import encoded

SIDE = 2048
MIN_SIMILARITY = 0.995
MAX_MEAN_DIFFERENCE = 3.5
"""Of the channels' values, up to 255: one that can be seen without a loupe is larger."""
_MAX_SIDE = 65_535
OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"fit": "inside"},
    {"fit": "contain", "bg": "204060"},
    {"fit": "contain", "gravity": "northwest"},
    {"fit": "fill"},
    {"enlarge": False},
    {"gravity": "southeast"},
    {"gravity": "0.3,0.75"},
    {"crop": "100,61,1400,1901"},
    {"crop": "10p,5p,80p,90p"},
    {"rotate": 90},
    {"rotate": 180, "flip": "h"},
    {"rotate": 270, "flip": "hv"},
    {"flip": "v", "gravity": "north"},
    {"blur": 0.3},
    {"blur": 8.0},
    {"gray": True},
    {"gray": True, "crop": "0,0,60p,60p", "rotate": 90, "blur": 1.0},
)
"""Those that a mezzanine serves; the rest of the grammar is about the encoding, or comes from the original."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An original and its mezzanine, and the original's row."""

    original: Path
    mezzanine: Path
    row: Original

    def job(self, variant: Variant, **options: Any) -> RenderJob:
        return RenderJob(variant, Encoding(), **options)

    def both(self, variant: Variant, **options: Any) -> tuple[Image.Image, Image.Image]:
        """The variant from the mezzanine, and from the original."""
        upright = self.row.width, self.row.height
        own = replace(self.job(variant, **options), upright=upright, source=self.row.sha256)
        return opened(render(self.mezzanine, ALL, own)), opened(
            render(self.original, ALL, self.job(variant, **options))
        )

    def serves(self, variant: Variant, side: int = SIDE) -> bool:
        return rules.serves(self.row, variant, Encoding(), side, _MAX_SIDE)

    def largest(self, side: int = SIDE, **options: Any) -> Variant:
        """The largest variant of the original's proportions that the mezzanine serves with these options."""
        width, height = rules.mezzanine_size(self.row.format, (self.row.width, self.row.height), side)
        for wide in range(width, 0, -1):
            variant = Variant(wide, max(1, height * wide // width), "png", **options)
            if self.serves(variant, side):
                return variant
        raise AssertionError("no variant is served")


def pair(folder: Path, data: bytes, side: int = SIDE) -> Pair:
    original, mezzanine = folder / "original", folder / "mezzanine"
    original.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    inspection, body = inspect(original, ALL, (255, 255, 255), Mezzanine(side, digest))
    assert body is not None
    mezzanine.write_bytes(body)
    size = inspection.width, inspection.height
    return Pair(
        original, mezzanine, Original("a", "0" * 32, inspection.format, *size, len(data), digest, datetime.now(UTC))
    )


def over(background: str, picture: Image.Image) -> Image.Image:
    """The picture over a background: colors that alpha hides are not compared."""
    if "A" not in picture.mode:
        return picture
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, background), picture).convert("RGB")


def assert_alike(found: Image.Image, best: Image.Image) -> None:
    assert (found.size, found.mode) == (best.size, best.mode)
    for background in ("white", "black") if "A" in found.mode else ("white",):
        one, other = over(background, found), over(background, best)
        assert ssim(one, other) >= MIN_SIMILARITY
        assert np.abs(np.asarray(one, int) - np.asarray(other, int)).mean() <= MAX_MEAN_DIFFERENCE


@pytest.mark.parametrize("make", [*JPEGS.values(), *OTHERS.values()], ids=[*JPEGS, *OTHERS])
def test_the_largest_variant_looks_as_one_of_the_original(tmp_path: Path, make: Callable[[], bytes]) -> None:
    both = pair(tmp_path, make())
    assert_alike(*both.both(both.largest()))


@pytest.mark.parametrize("name", ["photograph", "text", "saturated edges", "Display P3"])
@pytest.mark.parametrize("divisor", [1.3, 1.6, 2.0, 2.5, 8.0])
def test_a_smaller_variant_looks_as_one_of_the_original(tmp_path: Path, name: str, divisor: float) -> None:
    both = pair(tmp_path, JPEGS[name]())
    largest = both.largest()
    assert_alike(*both.both(Variant(int(largest.width / divisor), int(largest.height / divisor), "png")))


@pytest.fixture(scope="module")
def sideways(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("sideways"), turned(6))


@pytest.fixture(scope="module")
def transparent(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp_path_factory.mktemp("transparent"), encoded(with_alpha(grained(photo())), "PNG", compress_level=1))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_gives_what_it_gives_of_the_original(sideways: Pair, options: dict[str, Any]) -> None:
    assert_alike(*sideways.both(sideways.largest(**options)))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_gives_what_it_gives_of_a_transparent_original(transparent: Pair, options: dict[str, Any]) -> None:
    crop = {"crop": "90,61,1900,1401"} if "," in options.get("crop", "") and "p" not in options["crop"] else {}
    assert_alike(*transparent.both(transparent.largest(**options | crop)))


@pytest.mark.parametrize("size", [(0, 400), (200, 0)], ids=str)
def test_a_side_that_follows_is_that_of_the_original(sideways: Pair, size: tuple[int, int]) -> None:
    variant = Variant(*size, "png")
    assert sideways.serves(variant)
    assert_alike(*sideways.both(variant))


def test_a_watermark_is_the_same(sideways: Pair, tmp_path: Path) -> None:
    logo = tmp_path / "logo"
    logo.write_bytes(encoded(with_alpha(photo()).resize((300, 200)), "PNG"))
    overlay = Overlay(str(logo), "1" * 32, "southeast", 0.5, 0.8, 10)
    variant = sideways.largest(watermark="logo-x")
    found, best = sideways.both(variant, overlay=overlay)
    assert_alike(found, best)
    bare, _ = sideways.both(replace(variant, watermark=""))
    assert found.tobytes() != bare.tobytes()


@pytest.mark.parametrize("name", ["photograph", "text", "orientation 5"])
@pytest.mark.parametrize("side", [256, 300, 512])
def test_a_small_side_keeps_the_likeness(tmp_path: Path, name: str, side: int) -> None:
    """The mezzanine is decoded at an eighth then, or scaled too."""
    both = pair(tmp_path, JPEGS[name](), side)
    assert_alike(*both.both(both.largest(side)))


@pytest.mark.parametrize("make", WITHOUT.values(), ids=[*WITHOUT])
def test_pictures_whose_mezzanine_would_not_look_the_same_or_be_large_get_none(
    tmp_path: Path, make: Callable[[], bytes]
) -> None:
    file = tmp_path / "original"
    file.write_bytes(make())
    inspection, body = inspect(file, ALL, (255, 255, 255), Mezzanine(SIDE, "0" * 64))
    assert rules.pays_for(inspection.format, (inspection.width, inspection.height), file.stat().st_size, SIDE)
    assert body is None


def test_the_options_are_all_that_a_mezzanine_serves() -> None:
    """A new option of the grammar fails here until it is in `OPTIONS`, or is found to come from the original."""
    row = Original("a", "0" * 32, "jpeg", 4_000, 3_000, 3_000_000, "0" * 64, datetime.now(UTC))
    from_original = {"trim", "sharpen", "frame", "animated"}
    elsewhere = {"width", "height", "format", "q", "watermark", "overlay"}  # in tests of their own, or the encoder's
    covered = {name for options in OPTIONS for name in options}
    assert {field.name for field in fields(Variant) if field.init} == covered | from_original | elsewhere
    assert rules.serves(row, Variant(80, 60, "png"), Encoding(), SIDE, _MAX_SIDE)
    for options in ({"trim": 9}, {"sharpen": 1.0}, {"frame": 1}, {"animated": True}, {"gravity": "smart"}):
        assert not rules.serves(row, Variant(80, 60, "png", **options), Encoding(), SIDE, _MAX_SIDE)  # type: ignore[arg-type]


def test_text_is_served_too(tmp_path: Path) -> None:
    both = pair(tmp_path, jpeg(text()))
    assert both.largest().width > 450


def test_a_crop_of_nothing_comes_from_the_original(sideways: Pair) -> None:
    variant = Variant(160, 240, "png", crop="5000,5000,10,10")
    assert not sideways.serves(variant)
    with pytest.raises(EmptyCrop):
        render(sideways.original, ALL, sideways.job(variant))
    assert turned_size((sideways.row.width, sideways.row.height), (6,)) == photo().size
