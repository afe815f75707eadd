"""Descriptions of originals that an earlier version stored without one."""

import asyncio
from pathlib import Path

import pytest

from pymager import keys
from pymager.errors import NotFound, PictureError, Unavailable
from pymager.library import descriptions
from pymager.ports import Description, Original
from pymager.testing.metadata_originals import A_DESCRIPTION
from tests.unit.hooked import HookedMetadata, away, lost
from tests.unit.place import Place, opened

_FROM_WORKER = Description(1, False, "#ffffff", "AAAA", "L" * 28)
_ASKING = 50


async def test_an_upload_is_described_when_it_is_stored(place: Place) -> None:
    added = await place.add()
    assert added.description == _FROM_WORKER
    assert await place.library.get("cat") == added
    replacement, _ = await place.put("another")
    assert replacement.description == _FROM_WORKER
    assert await place.library.described(replacement) is replacement
    assert place.metadata.calls["describe"] == 0


async def test_a_row_is_described_when_that_is_first_needed(place: Place) -> None:
    row = await place.plant("picture")
    assert row.description is None
    expected = row.with_description(_FROM_WORKER)
    assert await place.library.described(row) == expected
    assert await place.library.get("cat") == expected
    assert expected.created == row.created


async def test_many_who_need_it_at_once_cost_one_decode(place: Place) -> None:
    row = await place.plant("picture")
    found = await asyncio.gather(*(place.library.described(row) for _ in range(_ASKING)))
    assert found == [row.with_description(_FROM_WORKER)] * _ASKING
    assert (place.blobs.calls["open"], place.metadata.calls["describe"]) == (1, 1)


async def test_replicas_share_one_decode(tmp_path: Path) -> None:
    async with opened(tmp_path / "one") as one:
        row = await one.plant("picture")
        metadata = HookedMetadata(one.metadata.inner)
        async with opened(tmp_path / "two", one.blobs.inner, metadata=metadata) as two:
            asked = [place.library.described(row) for place in (one, two) for _ in range(_ASKING)]
            assert await asyncio.gather(*asked) == [row.with_description(_FROM_WORKER)] * 2 * _ASKING
            assert one.blobs.calls["open"] + two.blobs.calls["open"] == 1


@pytest.mark.parametrize("step", ["get", "describe"])
async def test_a_picture_that_is_replaced_meanwhile_does_not_get_it(place: Place, step: str) -> None:
    row = await place.plant("picture")

    async def replaced(*arguments: object) -> None:
        del place.metadata.before[step]
        await place.metadata.inner.remove("cat")
        await place.plant("another picture")

    place.metadata.before[step] = replaced
    found = await place.library.described(row)
    assert found.revision == row.revision
    current = await place.library.get("cat")
    assert (current.revision != row.revision, current.description) == (True, None)


@pytest.mark.parametrize("step", ["get", "describe"])
async def test_a_picture_that_is_deleted_meanwhile_stays_deleted(place: Place, step: str) -> None:
    row = await place.plant("picture")

    async def removed(*arguments: object) -> None:
        del place.metadata.before[step]
        await place.metadata.inner.remove("cat")

    place.metadata.before[step] = removed
    await place.library.described(row)
    assert await place.rows() == []
    with pytest.raises(NotFound):
        await place.metadata.inner.get("cat")


@pytest.mark.parametrize("text", ["no-picture", "too-much", "exit", "bug"])
async def test_an_original_that_cannot_be_decoded_is_tried_once(place: Place, text: str) -> None:
    row = await place.plant(text)
    for _ in range(3):
        assert await place.library.described(row) == row
    assert place.blobs.calls["open"] == 1
    assert await place.library.get("cat") == row


async def test_an_original_that_cannot_be_decoded_is_tried_again_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptions, "_FAILURE_TTL_SECONDS", -1.0)
    row = await place.plant("no-picture")
    for _ in range(2):
        assert await place.library.described(row) == row
    assert place.blobs.calls["open"] == 2


async def test_a_lost_blob_is_no_failure(place: Place) -> None:
    row = await place.plant("picture")
    body = await _body(place, row)
    await place.blobs.inner.delete([keys.original_key(row)])
    assert await place.library.described(row) == row
    await place.blobs.inner.put(keys.original_key(row), body[:-1], "image/jpeg")
    assert await place.library.described(row) == row
    await place.blobs.inner.put(keys.original_key(row), body, "image/jpeg")
    assert (await place.library.described(row)).description == _FROM_WORKER


@pytest.mark.parametrize("step", ["acquire", "get"])
async def test_a_metadata_store_that_is_down_is_no_failure(place: Place, step: str) -> None:
    row = await place.plant("picture")
    place.metadata.before[step] = away
    assert await place.library.described(row) == row
    del place.metadata.before[step]
    assert (await place.library.described(row)).description == _FROM_WORKER


@pytest.mark.parametrize("hook", [away, lost])
async def test_a_description_that_cannot_be_stored_is_used_and_stored_later(place: Place, hook: object) -> None:
    row = await place.plant("picture")
    place.metadata.before["describe"] = hook  # type: ignore[assignment]
    for _ in range(2):
        assert (await place.library.described(row)).description == _FROM_WORKER
    assert await place.library.get("cat") == row
    with pytest.raises(Unavailable):
        await place.library.describe(row)
    del place.metadata.before["describe"]
    assert (await place.library.describe(row)).description == _FROM_WORKER
    assert (await place.library.get("cat")).description == _FROM_WORKER
    assert place.blobs.calls["open"] == 1


async def test_in_read_only_mode_it_is_computed_and_not_stored(tmp_path: Path) -> None:
    async with opened(tmp_path, read_only=True) as place:
        row = await place.plant("picture")
        for _ in range(2):
            assert (await place.library.described(row)).description == _FROM_WORKER
        assert await place.library.get("cat") == row
        assert (place.blobs.calls["open"], place.metadata.calls["describe"]) == (1, 0)


async def test_a_slow_decoder_does_not_keep_those_who_ask_waiting(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptions, "_MAX_WAIT_SECONDS", 0.05)
    row = await place.plant("hang")
    assert await place.library.described(row) == row


async def test_a_row_that_has_a_description_is_returned_as_it_is(place: Place) -> None:
    row = (await place.plant("picture")).with_description(A_DESCRIPTION)
    assert await place.library.described(row) is row
    assert place.blobs.calls["open"] == 0


async def test_describe_raises_what_is_wrong(place: Place) -> None:
    row = await place.plant("picture")
    place.metadata.before["acquire"] = away
    with pytest.raises(Unavailable):
        await place.library.describe(row)
    place.metadata.before.clear()
    with pytest.raises(PictureError):
        await place.library.describe(await place.plant("no-picture", "dog"))


async def _body(place: Place, row: Original) -> bytes:
    async with place.blobs.inner.open(keys.original_key(row)) as blob:
        return b"".join([chunk async for chunk in blob.chunks])
