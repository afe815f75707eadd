"""The part of the metadata store's contract about descriptions, which rows can get after they were written."""

import pytest

from pymager.errors import NotFound
from pymager.ports import MetadataStore
from pymager.testing.metadata_originals import (
    A_DESCRIPTION,
    ANOTHER_DESCRIPTION,
    RACERS,
    ROUNDS,
    an_original,
    cancel_after,
    race,
    undescribed,
)


@pytest.mark.asyncio
class DescriptionContract:
    """A row gets a description only for its own revision, and nothing else of it changes."""

    async def test_a_row_without_a_description_comes_back_without_one(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = undescribed(an_original())
        assert await metadata.add(original) == original
        assert await other.get("cat") == original
        assert (await other.get("cat")).description is None
        assert (await other.list_page(None, 10)).items == (original,)
        assert await other.remove("cat") == original

    async def test_a_row_is_described_and_keeps_everything_else(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for description in (A_DESCRIPTION, ANOTHER_DESCRIPTION):
            original = undescribed(an_original(description.dominant.strip("#")))
            await metadata.add(original)
            assert await other.describe(original.id, original.revision, description) is True
            expected = original.with_description(description)
            assert expected.description == description
            assert await metadata.get(original.id) == await other.get(original.id) == expected
            assert await other.describe(original.id, original.revision, description) is True
            assert await metadata.remove(original.id, original.revision) == expected

    async def test_a_listing_has_descriptions(self, metadata: MetadataStore) -> None:
        described, bare = an_original("cat"), undescribed(an_original("dog"))
        await metadata.add(described)
        await metadata.add(bare)
        assert {row.id: row for row in (await metadata.list_page(None, 10)).items} == {"cat": described, "dog": bare}

    async def test_a_description_can_be_set_anew(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        await metadata.add(original)
        assert await other.describe("cat", original.revision, ANOTHER_DESCRIPTION) is True
        assert await metadata.get("cat") == original.with_description(ANOTHER_DESCRIPTION)

    async def test_a_description_of_another_revision_is_refused(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        first, second = undescribed(an_original()), undescribed(an_original())
        await metadata.add(first)
        assert await other.describe("cat", second.revision, A_DESCRIPTION) is False
        await metadata.replace(second)
        assert await other.describe("cat", first.revision, A_DESCRIPTION) is False
        assert await metadata.get("cat") == second

    async def test_a_description_never_creates_a_row(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        assert await metadata.describe("cat", original.revision, A_DESCRIPTION) is False
        await metadata.add(original)
        await metadata.remove("cat")
        assert await other.describe("cat", original.revision, A_DESCRIPTION) is False
        with pytest.raises(NotFound):
            await metadata.get("cat")
        assert (await metadata.list_page(None, 10)).items == ()

    async def test_a_replace_without_a_description_leaves_none(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        old, new = an_original(), undescribed(an_original())
        await metadata.add(old)
        assert await other.replace(new) == old
        assert await metadata.get("cat") == new
        assert await other.describe("cat", new.revision, ANOTHER_DESCRIPTION) is True
        assert await metadata.get("cat") == new.with_description(ANOTHER_DESCRIPTION)

    async def test_an_id_that_is_added_again_has_no_old_description(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        await metadata.add(an_original())
        await other.remove("cat")
        again = undescribed(an_original())
        added = await metadata.add(again)
        assert added.description is None
        assert await other.get("cat") == added

    async def test_a_description_never_undoes_a_replace_or_a_remove(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for number in range(ROUNDS):
            id = f"cat{number}"
            first, second = undescribed(an_original(id)), undescribed(an_original(id))
            await metadata.add(first)
            outcomes = await race(
                [other.describe(id, first.revision, A_DESCRIPTION), metadata.replace(second, first.revision)]
            )
            assert outcomes.raised == []
            assert await other.get(id) == second
            outcomes = await race(
                [other.describe(id, second.revision, A_DESCRIPTION), metadata.remove(id, second.revision)]
            )
            assert outcomes.raised == []
            with pytest.raises(NotFound):
                await other.get(id)

    async def test_all_concurrent_descriptions_of_one_row_succeed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = undescribed(an_original())
        await metadata.add(original)
        stores = (metadata, other)
        outcomes = await race(
            stores[number % 2].describe("cat", original.revision, A_DESCRIPTION) for number in range(RACERS)
        )
        assert (outcomes.raised, outcomes.returned) == ([], [True] * RACERS)
        assert await metadata.get("cat") == original.with_description(A_DESCRIPTION)

    async def test_a_canceled_description_is_there_as_a_whole_or_not_at_all(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for steps in range(ROUNDS):
            original = undescribed(an_original(f"cat{steps}"))
            await metadata.add(original)
            await cancel_after(steps, metadata.describe(original.id, original.revision, A_DESCRIPTION))
            assert await other.get(original.id) in (original, original.with_description(A_DESCRIPTION))
