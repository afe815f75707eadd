"""Watermarks in the library: named by the revision of their picture, which is read seldom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pymager import keys
from pymager.errors import OriginalLost, OriginalNotFound, Unavailable, WatermarkChanged, WatermarkMissing
from pymager.library import overlays as overlays_module
from pymager.ports import Original
from pymager.variants.variant import Variant
from pymager.variants.watermarks import Watermark
from tests.unit.hooked import away, once
from tests.unit.place import Place, body_of, opened

LOGO = Watermark("brand")
MARKED = Variant(80, 60, "jpeg", watermark="logo")


@asynccontextmanager
async def marking(folder: Path) -> AsyncIterator[Place]:
    async with opened(folder, watermarks={"logo": LOGO}) as place:
        yield place


async def got(place: Place, id: str = "cat") -> bytes:
    return await body_of(await place.library.variant(id, MARKED, lambda info: True))


async def names(place: Place, original: Original) -> set[str]:
    return {key.rpartition("/")[2] for key in await place.blobs.keys(keys.derived_prefix(original))}


def expected_name(brand: Original) -> str:
    return f"80x60_watermark-logo-{LOGO.digest(brand.revision)}.jpg"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that overlays see, which a test can move."""
    now = [1_000.0]
    monkeypatch.setattr(overlays_module, "monotonic", lambda: now[0])
    return now


async def test_a_variant_is_named_by_its_watermark_and_the_revision_of_its_picture(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        cat, brand = await place.add(), await place.add(id="brand")
        await got(place)
        assert await names(place, cat) == {expected_name(brand)}


async def test_a_hit_reads_the_catalog_once(tmp_path: Path, clock: list[float]) -> None:
    async with marking(tmp_path) as place:
        await place.add()
        await place.add(id="brand")
        await got(place)
        reads = place.metadata.calls["get"]
        for _ in range(20):
            await got(place)
            clock[0] += (overlays_module.REVISION_TTL_SECONDS - 0.1) / 20
        assert place.metadata.calls["get"] == reads + 20 + 1  # the render has read the row anew: one look afterwards


async def test_another_replicas_replacement_shows_after_some_seconds(tmp_path: Path, clock: list[float]) -> None:
    async with marking(tmp_path) as place:
        cat = await place.add()
        brand = await place.add(id="brand")
        await got(place)
        await got(place)
        await place.metadata.inner.remove("brand", None)
        replacement = await place.plant("another picture", "brand")
        await got(place)
        assert await names(place, cat) == {expected_name(brand)}
        clock[0] += overlays_module.REVISION_TTL_SECONDS + 0.1
        await got(place)
        assert await names(place, cat) == {expected_name(brand), expected_name(replacement)}


async def test_a_replacement_or_delete_on_this_replica_shows_at_once(tmp_path: Path, clock: list[float]) -> None:
    async with marking(tmp_path) as place:
        cat = await place.add()
        brand = await place.add(id="brand")
        await got(place)
        replacement, _ = await place.put("another picture", "brand")
        await got(place)
        assert await names(place, cat) == {expected_name(brand), expected_name(replacement)}
        await place.library.remove("brand")
        with pytest.raises(WatermarkMissing, match="upload it with POST /original/brand"):
            await got(place)
        await place.add(id="brand")
        await got(place)


async def test_a_render_never_draws_a_picture_of_an_old_revision(tmp_path: Path, clock: list[float]) -> None:
    """The replica knows an old revision, and has no variant with it: the render reads the row, and starts again."""
    async with marking(tmp_path) as place:
        cat, dog = await place.add(), await place.add(id="dog")
        await place.add(id="brand")
        await got(place)
        await got(place)
        await place.metadata.inner.remove("brand", None)
        replacement = await place.plant("another picture", "brand")
        await got(place, "dog")
        assert await names(place, dog) == {expected_name(replacement)}
        await place.metadata.inner.remove("brand", None)
        await place.blobs.inner.delete([key async for key in _keys(place, cat)])
        place.library.cache.discard("")
        with pytest.raises(WatermarkMissing):
            await got(place)
        assert await names(place, cat) == set()


async def _keys(place: Place, original: Original) -> AsyncIterator[str]:
    for key in await place.blobs.keys(keys.derived_prefix(original)):
        yield key


async def test_a_watermark_whose_blob_goes_away_during_the_render_is_resolved_again(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        cat, brand = await place.add(), await place.add(id="brand")
        replacements: list[Original] = []

        async def replace(key: str) -> None:
            if key == keys.original_key(brand) and not replacements:
                await place.metadata.inner.remove("brand", None)
                await place.blobs.inner.delete([key])
                replacements.append(await place.plant("another picture", "brand"))

        place.blobs.before["open"] = replace
        await got(place)
        assert await names(place, cat) == {expected_name(replacements[0])}


async def test_a_watermark_with_a_row_and_without_a_blob_is_lost_data(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        await place.add()
        brand = await place.add(id="brand")
        await place.blobs.inner.delete([keys.original_key(brand)])
        with pytest.raises(OriginalLost, match="the watermark 'brand'"):
            await got(place)


async def test_a_picture_that_does_not_exist_is_missing_before_its_watermark(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        with pytest.raises(OriginalNotFound):
            await got(place)
        await place.add()
        with pytest.raises(WatermarkMissing, match="the picture of the watermark 'logo' does not exist"):
            await got(place)


async def test_a_catalog_that_is_away_is_not_a_missing_watermark(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        await place.add()
        await place.add(id="brand")

        async def away_for_brand(id: str) -> None:
            if id == "brand":
                await away()

        place.metadata.before["get"] = away_for_brand
        with pytest.raises(Unavailable):
            await got(place)


async def test_a_deleted_base_leaves_no_variant_with_a_watermark(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        cat = await place.add()
        await place.add(id="brand")

        async def remove(*arguments: object) -> None:
            await place.metadata.inner.remove("cat", None)

        place.blobs.after["put"] = once(remove)
        with pytest.raises(OriginalNotFound):
            await got(place)
        assert await names(place, cat) == set()


async def test_the_current_row_is_refused_if_the_variant_is_of_another(tmp_path: Path) -> None:
    async with marking(tmp_path) as place:
        brand = await place.add(id="brand")
        overlays = overlays_module.Overlays(place.metadata, {"logo": LOGO})
        digest = await overlays.digest("logo")
        assert digest == LOGO.digest(brand.revision)
        marked = Variant(80, 60, "jpeg", watermark="logo", overlay=digest)
        assert await overlays.current(marked) == (LOGO, brand)
        with pytest.raises(WatermarkChanged):
            await overlays.current(Variant(80, 60, "jpeg", watermark="logo", overlay="0" * 12))
