"""The contract of the listing. `pymager.testing.metadata` tells how to use it."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from pymager.ports import MetadataStore, Original
from pymager.testing.metadata_originals import an_original

FOREIGN = ["", "x", "=", "not a cursor", "猫", "AAAA", "!!!!", "/w==", "_w", "a" * 1000, "\x00", "1", "None", "\ud800"]
FOREIGN += [base64.urlsafe_b64encode(json.dumps({"id": "cat"}).encode()).decode()]


async def every(catalog: MetadataStore, limit: int) -> AsyncIterator[tuple[Original, ...]]:
    """The pages of the listing."""
    cursor = None
    while True:
        page = await catalog.list_page(cursor, limit)
        assert len(page.items) <= limit
        yield page.items
        cursor = page.next
        if cursor is None:
            return


@pytest.mark.asyncio
class ListingContract:
    """Every row that exists throughout is listed once."""

    async def test_an_empty_catalog_has_one_empty_page(self, metadata: MetadataStore) -> None:
        page = await metadata.list_page(None, 10)
        assert page.items == ()
        assert page.next is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 11, 12, 13, 1000])
    async def test_every_row_is_listed_once_whole(
        self, metadata: MetadataStore, other: MetadataStore, limit: int
    ) -> None:
        originals = {
            id: an_original(id) for id in [*"aAbB_-", "猫", "é", "e\N{COMBINING ACUTE ACCENT}", "𠀀", "ａ", "z" * 200]
        }
        for original in originals.values():
            await metadata.add(original)
        listed = [original async for page in every(other, limit) for original in page]
        assert len(listed) == len(originals)
        assert {original.id: original for original in listed} == originals

    async def test_the_order_stays(self, metadata: MetadataStore, other: MetadataStore) -> None:
        for number in range(20):
            await metadata.add(an_original(f"cat{number}"))
        first = [original async for page in every(metadata, 3) for original in page]
        assert [original async for page in every(other, 20) for original in page] == first

    async def test_a_row_that_stays_is_listed_once_while_others_come_and_go(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        staying = {f"m{number:02}" for number in range(20)}
        for id in [*staying, *(f"m{number:02}-goes" for number in range(20))]:
            await metadata.add(an_original(id))
        seen: list[str] = []
        async for page in every(metadata, 3):
            seen += [original.id for original in page]
            turn = len(seen)
            for before_and_behind in (f"a{turn}", f"m{turn % 20:02}x{turn}", f"z{turn}"):
                await other.add(an_original(before_and_behind))
            if page and page[-1].id.endswith("-goes"):  # the row that the cursor stands on
                await other.remove(page[-1].id)
            if turn > 500:
                break
        assert sorted(id for id in seen if id in staying) == sorted(staying)

    async def test_a_row_that_is_replaced_meanwhile_is_listed_once(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        ids = [f"cat{number}" for number in range(10)]
        for id in ids:
            await metadata.add(an_original(id))
        seen: list[str] = []
        async for page in every(metadata, 2):
            seen += [original.id for original in page]
            for id in ids:
                await other.replace(an_original(id))
        assert sorted(seen) == sorted(ids)

    @pytest.mark.parametrize("cursor", FOREIGN, ids=ascii)
    async def test_a_cursor_that_was_not_made_here_is_refused(self, metadata: MetadataStore, cursor: str) -> None:
        await metadata.add(an_original())
        with pytest.raises(ValueError, match=r".+"):
            await metadata.list_page(cursor, 10)

    async def test_a_cursor_with_something_behind_it_is_refused(self, metadata: MetadataStore) -> None:
        for number in range(3):
            await metadata.add(an_original(f"cat{number}"))
        cursor = (await metadata.list_page(None, 1)).next
        assert cursor is not None
        for spoiled in (cursor + "=", cursor + " ", cursor + "\n", " " + cursor, cursor + "é"):
            with pytest.raises(ValueError, match=r".+"):
                await metadata.list_page(spoiled, 10)

    async def test_a_cursor_holds_on_every_connection(self, metadata: MetadataStore, other: MetadataStore) -> None:
        for number in range(4):
            await metadata.add(an_original(f"cat{number}"))
        first = await metadata.list_page(None, 2)
        second = await other.list_page(first.next, 2)
        assert len({original.id for original in first.items + second.items}) == 4
        assert second.next is None
