"""The part of the metadata store's contract about listing rows."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from pymager.ports import MetadataStore, Original
from pymager.testing.metadata_originals import an_original

INVALID_CURSORS = [
    "",
    "x",
    "=",
    "not a cursor",
    "猫",
    "AAAA",
    "!!!!",
    "/w==",
    "_w",
    "a" * 1000,
    "\x00",
    "1",
    "None",
    "\ud800",
]
INVALID_CURSORS += [base64.urlsafe_b64encode(json.dumps({"id": "cat"}).encode()).decode()]


async def pages(catalog: MetadataStore, limit: int) -> AsyncIterator[tuple[Original, ...]]:
    """The rows of each page of the listing."""
    cursor = None
    while True:
        page = await catalog.list_page(cursor, limit)
        assert len(page.items) <= limit
        yield page.items
        cursor = page.next
        if cursor is None:
            return


@pytest.mark.asyncio
class CatalogListingContract:
    """Every row that exists from the first page to the last is listed once."""

    async def test_an_empty_catalog_has_one_empty_page(self, metadata: MetadataStore) -> None:
        page = await metadata.list_page(None, 10)
        assert page.items == ()
        assert page.next is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 11, 12, 13, 1000])
    async def test_every_row_is_listed_once_with_every_field(
        self, metadata: MetadataStore, other: MetadataStore, limit: int
    ) -> None:
        originals = {
            id: an_original(id) for id in [*"aAbB_-", "猫", "é", "e\N{COMBINING ACUTE ACCENT}", "𠀀", "ａ", "z" * 200]
        }
        for original in originals.values():
            await metadata.add(original)
        listed = [original async for page in pages(other, limit) for original in page]
        assert len(listed) == len(originals)
        assert {original.id: original for original in listed} == originals

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
    @pytest.mark.parametrize("prefix", ["ca", "cat", "cat-", "é", "e", "猫", "C", "_", "nothing", "z" * 200, "𠀀"])
    async def test_only_the_ids_with_the_prefix_are_listed_each_once(
        self, metadata: MetadataStore, other: MetadataStore, prefix: str, limit: int
    ) -> None:
        ids = [
            "ca",
            "cat",
            "cat-",
            "cat-1",
            "cat-2",
            "cats",
            "catz",
            "cau",
            "cb",
            "CAT",
            "b",
            "d",
            "é",
            "éa",
            "e",
            "_a",
        ]
        ids += ["e\N{COMBINING ACUTE ACCENT}", "猫", "猫a", "𠀀", "ｃａｔ", "z" * 200, "cat\U0002ffffx"]
        for id in ids:
            await metadata.add(an_original(id))
        listed, cursor = [], None
        for _ in range(10 * len(ids)):
            page = await other.list_page(cursor, limit, prefix)
            assert len(page.items) <= limit
            listed += [original.id for original in page.items]
            cursor = page.next
            if cursor is None:
                break
        assert sorted(listed) == sorted(id for id in ids if id.startswith(prefix))

    async def test_the_order_is_stable(self, metadata: MetadataStore, other: MetadataStore) -> None:
        for number in range(20):
            await metadata.add(an_original(f"cat{number}"))
        first = [original async for page in pages(metadata, 3) for original in page]
        assert [original async for page in pages(other, 20) for original in page] == first

    async def test_a_row_that_stays_is_listed_once_while_others_are_added_and_removed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        staying = {f"m{number:02}" for number in range(20)}
        for id in [*staying, *(f"m{number:02}-leaves" for number in range(20))]:
            await metadata.add(an_original(id))
        seen: list[str] = []
        async for page in pages(metadata, 3):
            seen += [original.id for original in page]
            count = len(seen)
            for new_id in (f"a{count}", f"m{count % 20:02}x{count}", f"z{count}"):
                await other.add(an_original(new_id))
            if page and page[-1].id.endswith("-leaves"):  # the row that the cursor points at
                await other.remove(page[-1].id)
            if count > 500:
                break
        assert sorted(id for id in seen if id in staying) == sorted(staying)

    async def test_a_row_that_is_replaced_during_the_listing_is_listed_once(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        ids = [f"cat{number}" for number in range(10)]
        for id in ids:
            await metadata.add(an_original(id))
        seen: list[str] = []
        async for page in pages(metadata, 2):
            seen += [original.id for original in page]
            for id in ids:
                await other.replace(an_original(id))
        assert sorted(seen) == sorted(ids)

    @pytest.mark.parametrize("cursor", INVALID_CURSORS, ids=ascii)
    async def test_an_invalid_cursor_is_refused(self, metadata: MetadataStore, cursor: str) -> None:
        await metadata.add(an_original())
        with pytest.raises(ValueError, match=r".+"):
            await metadata.list_page(cursor, 10)

    async def test_a_cursor_with_extra_characters_is_refused(self, metadata: MetadataStore) -> None:
        for number in range(3):
            await metadata.add(an_original(f"cat{number}"))
        cursor = (await metadata.list_page(None, 1)).next
        assert cursor is not None
        for changed in (cursor + "=", cursor + " ", cursor + "\n", " " + cursor, cursor + "é"):
            with pytest.raises(ValueError, match=r".+"):
                await metadata.list_page(changed, 10)

    async def test_a_cursor_works_in_another_store(self, metadata: MetadataStore, other: MetadataStore) -> None:
        for number in range(4):
            await metadata.add(an_original(f"cat{number}"))
        first = await metadata.list_page(None, 2)
        second = await other.list_page(first.next, 2)
        assert len({original.id for original in first.items + second.items}) == 4
        assert second.next is None
