"""What a variant becomes once its original is known: whether it moves, and which frames it has."""

from dataclasses import replace
from typing import Any

import pytest

from pymager.engine.limits import PictureLimits
from pymager.errors import FrameNotFound, VariantTooLarge
from pymager.formats import Encoding
from pymager.library.overlays import Overlays
from pymager.library.resolution import Resolver, moves
from pymager.ports import Original
from pymager.testing.metadata_memory import MemoryMetadata
from pymager.variants.negotiation import Negotiation
from pymager.variants.variant import Variant
from tests.unit.place import planted

LIMITS = PictureLimits(("*",), animation_pixels=20 * 80 * 60, animation_source_pixels=20 * 400 * 300)

NO_OVERLAYS = Overlays(MemoryMetadata("memory:"), {})


def original(format: str = "gif", frames: int | None = 20, **changes: Any) -> Original:
    return replace(planted("cat", "picture"), format=format, frames=frames, width=400, height=300, **changes)


async def resolved(row: Original, described: Original | None = None, **options: Any) -> Variant:
    async def describe(row: Original) -> Original:
        return described or row

    given: dict[str, Any] = {"width": 80, "height": 60, "format": "webp"} | options
    return await Resolver(Encoding(), LIMITS, 4096, NO_OVERLAYS, describe).resolve(row, Variant(**given))


@pytest.mark.parametrize("format", ["gif", "webp", "png", "avif"])
async def test_a_variant_of_an_animation_moves(format: str) -> None:
    variant = await resolved(original(format), animated=True)
    assert variant.file_name == "80x60_animated-true.webp"


@pytest.mark.parametrize(
    ("format", "frames"), [("gif", 1), ("gif", None), ("jpeg", 1), ("jpeg", 2), ("tiff", 9), ("ico", 3), ("raw", 4)]
)
async def test_a_variant_of_a_still_picture_or_of_pages_is_the_plain_one(format: str, frames: int | None) -> None:
    row = original(format, frames)
    assert not moves(row)
    assert await resolved(row, animated=True) == await resolved(row)


async def test_a_row_without_a_description_gets_one_only_if_it_is_needed() -> None:
    bare, described = original(frames=None), original(frames=3)
    assert (await resolved(bare, described, animated=True)).animated
    with pytest.raises(FrameNotFound):
        await resolved(bare, described, frame=3)
    asked: list[Original] = []

    async def describe(row: Original) -> Original:
        asked.append(row)
        return row

    await Resolver(Encoding(), LIMITS, 4096, NO_OVERLAYS, describe).resolve(
        bare, Variant(80, 60, "webp", crop="0,0,9,9")
    )
    assert asked == []


async def test_a_frame_beyond_the_last_is_not_found_before_a_worker_is_asked() -> None:
    assert (await resolved(original(), frame=19)).frame == 19
    with pytest.raises(FrameNotFound, match="no frame or page 20: it has 20, numbered from 0"):
        await resolved(original(), frame=20)
    assert (await resolved(original("tiff", 3), frame=2)).frame == 2
    assert (await resolved(original(frames=None), frame=999)).frame == 999, "a worker process decides"


@pytest.mark.parametrize(
    ("options", "is_allowed"),
    [
        ({}, True),
        ({"width": 81}, False),
        ({"width": 80, "height": 0}, True),
        ({"width": 0, "height": 61}, False),
        ({"width": 500, "height": 60, "fit": "inside"}, True),
        ({"width": 60, "height": 80, "rotate": 90}, True),
        ({"width": 0, "height": 80, "rotate": 90}, True),
        ({"width": 0, "height": 82, "rotate": 90}, False),
        ({"width": 160, "height": 0, "crop": "0,0,160,30"}, True),
        ({"width": 160, "height": 0, "crop": "0,0,160,31"}, False),
        ({"width": 500, "height": 0, "trim": 10}, True),
    ],
)
async def test_an_animation_over_the_limit_is_refused_before_a_worker_is_asked(
    options: dict[str, Any], is_allowed: bool
) -> None:
    assert not (await resolved(original(), **options)).animated
    if is_allowed:
        assert (await resolved(original(), animated=True, **options)).animated
    else:
        with pytest.raises(VariantTooLarge, match="20 frames"):
            await resolved(original(), animated=True, **options)


async def test_an_original_over_the_limit_is_refused_before_a_worker_is_asked() -> None:
    with pytest.raises(VariantTooLarge, match="made of 21 frames of 400x300 = 2520000 pixels; at most 2400000"):
        await resolved(original(frames=21), width=8, height=6, animated=True)
    assert (await resolved(original(frames=21), width=8, height=6, frame=20)).frame == 20


async def test_crops_in_pixels_that_leave_the_same_are_one_variant() -> None:
    for crop, name in (
        ("10,20,390,280", "80x60_crop-10-20-390-280.webp"),
        ("10,20,391,9999999", "80x60_crop-10-20-390-280.webp"),
        ("0,0,9999999,9999999", "80x60.webp"),
        ("0,0,9999999,299", "80x60_crop-0-0-400-299.webp"),
    ):
        assert (await resolved(original(), crop=crop)).file_name == name


async def test_a_crop_of_a_page_is_not_clipped_to_the_first_page() -> None:
    pages = original("tiff", 2)
    for crop in ("0,0,400,300", "0,0,500,500", "450,350,10,10"):
        for size in ({}, {"height": 0}, {"fit": "inside"}):
            for format in ("webp", "auto"):
                variant = await resolved(pages, crop=crop, frame=1, format=format, **size)
                assert variant.crop == crop


async def test_a_crop_in_percent_stays_as_it_is_in_every_format() -> None:
    for format in ("webp", "auto"):
        assert (await resolved(original(), crop="0p,0p,99.999p,100p", format=format)).crop == "0p,0p,99.999p,100p"


BOTH = "image/avif,image/webp,image/jxl"


async def negotiated(row: Original, accept: str, described: Original | None = None, **options: Any) -> tuple[str, int]:
    """The name that `.auto` stands for, and how often the row was described for it."""
    asked: list[Original] = []

    async def describe(row: Original) -> Original:
        asked.append(row)
        return described or row

    negotiation = Negotiation(("jxl", "avif", "webp"), avif_max_pixels=10 * 80 * 60)
    resolver = Resolver(Encoding(), LIMITS, 4096, NO_OVERLAYS, describe, negotiation=negotiation)
    given: dict[str, Any] = {"width": 80, "height": 60, "format": "auto"} | options
    names = {(await resolver.resolve(row, Variant(**given), accept)).file_name for _ in range(2)}
    assert len(names) == 1
    return names.pop(), len(asked)


async def test_auto_is_described_only_for_the_fallback_and_only_if_transparency_is_unknown() -> None:
    bare, opaque = original("png", None), original("png", 1, alpha=False)
    clear = original("png", 1, alpha=True)
    assert await negotiated(bare, BOTH) == ("80x60.jxl", 0)
    assert await negotiated(bare, "image/webp") == ("80x60.webp", 0)
    assert await negotiated(bare, "*/*", opaque) == ("80x60.jpg", 2)
    assert await negotiated(bare, "*/*", clear) == ("80x60.png", 2)
    assert await negotiated(opaque, "*/*") == ("80x60.jpg", 0)
    assert await negotiated(clear, "*/*") == ("80x60.png", 0)


async def test_without_a_description_the_fallback_keeps_what_may_be_transparent() -> None:
    for format, name in (("png", "png"), ("jpeg", "jpg"), ("heic", "png"), ("bmp", "jpg"), ("dds", "png")):
        assert (await negotiated(original(format, None), ""))[0] == f"80x60.{name}"


async def test_an_animation_is_negotiated_among_the_formats_that_move() -> None:
    for frames, accept, name in (
        (10, BOTH, "avif"),
        (11, BOTH, "webp"),
        (11, "image/avif", "gif"),
        (10, "image/jxl", "gif"),
        (10, "*/*", "gif"),
    ):
        for alpha in (True, False):
            row = original("gif", frames, alpha=alpha)
            assert await negotiated(row, accept, animated=True) == (f"80x60_animated-true.{name}", 2), frames
    assert (await negotiated(original("gif", 11, alpha=False), BOTH))[0] == "80x60.jxl"
    assert (await negotiated(original("jpeg", 1, alpha=False), "*/*", animated=True))[0] == "80x60.jpg"
    assert (await negotiated(original("png", None), "", original("png", 5, alpha=True), animated=True))[0].endswith(
        "gif"
    )


async def test_an_animation_over_the_limit_is_refused_in_every_format() -> None:
    for accept in (BOTH, "image/webp", ""):
        with pytest.raises(VariantTooLarge):
            await negotiated(original(), accept, animated=True, width=81)


async def test_options_that_the_negotiated_format_ignores_are_dropped() -> None:
    clear = original("png", 1, alpha=True)
    assert await negotiated(clear, "", q=50) == ("80x60.png", 0)
    assert await negotiated(clear, "image/webp", q=50) == ("80x60_q-50.webp", 0)
    assert await negotiated(clear, "", crop="0,0,400,300") == ("80x60.png", 0)
