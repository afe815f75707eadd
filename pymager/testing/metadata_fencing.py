"""The part of the metadata store's contract about fences. The sweep's safety depends on them."""

import pytest

from pymager.errors import AlreadyExists, Fenced, NotFound
from pymager.ports import MetadataStore
from pymager.testing.metadata_originals import RACERS, ROUNDS, an_original, race


@pytest.mark.asyncio
class FenceContract:
    """A fenced revision is never committed, and a revision that a row holds is never fenced."""

    async def test_a_fenced_revision_cannot_be_added(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        assert await metadata.fence("cat", original.revision) is True
        for store in (metadata, other):
            with pytest.raises(Fenced):
                await store.add(original)
        with pytest.raises(NotFound):
            await metadata.get("cat")

    async def test_a_fenced_revision_cannot_replace_another(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        current, fenced = an_original(), an_original()
        await metadata.add(current)
        assert await metadata.fence("cat", fenced.revision) is True
        with pytest.raises(Fenced):
            await other.replace(fenced, current.revision)
        assert await metadata.get("cat") == current

    async def test_the_revision_of_a_row_cannot_be_fenced(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        await metadata.add(original)
        assert await metadata.fence("cat", original.revision) is False
        assert await other.fence("cat", original.revision) is False
        assert await other.get("cat") == original

    async def test_a_removed_revision_can_never_be_committed_again(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = an_original()
        await metadata.add(original)
        await metadata.remove("cat")
        assert await other.fence("cat", original.revision) is True
        with pytest.raises(Fenced):
            await metadata.add(original)

    async def test_a_replaced_revision_can_never_be_committed_again(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        old, new = an_original(), an_original()
        await metadata.add(old)
        await metadata.replace(new)
        assert await other.fence("cat", old.revision) is True
        with pytest.raises(Fenced):
            await metadata.replace(old, new.revision)
        assert await metadata.get("cat") == new

    async def test_fencing_is_safe_to_repeat(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        assert await metadata.fence("cat", original.revision) is True
        assert await metadata.fence("cat", original.revision) is True
        assert await other.fence("cat", original.revision) is True
        with pytest.raises(Fenced):
            await metadata.add(original)

    async def test_all_concurrent_fences_of_one_revision_succeed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        revision = an_original().revision
        outcomes = await race((metadata, other)[number % 2].fence("cat", revision) for number in range(RACERS))
        assert outcomes.raised == []
        assert outcomes.returned == [True] * RACERS

    async def test_a_fence_does_not_affect_other_revisions(self, metadata: MetadataStore) -> None:
        first, second = an_original(), an_original()
        await metadata.fence("cat", an_original().revision)
        assert (await metadata.list_page(None, 10)).items == ()
        await metadata.add(first)
        await metadata.fence("cat", an_original().revision)
        assert await metadata.get("cat") == first
        assert await metadata.replace(second) == first
        assert await metadata.remove("cat") == second

    async def test_a_fence_outlives_the_rows_of_its_id(self, metadata: MetadataStore, other: MetadataStore) -> None:
        fenced, first, second = an_original(), an_original(), an_original()
        await metadata.fence("cat", fenced.revision)
        await metadata.add(first)
        await metadata.replace(second)
        await metadata.remove("cat")
        with pytest.raises(Fenced):
            await other.add(fenced)

    @pytest.mark.parametrize("fence_first", [True, False])
    async def test_a_fence_and_an_add_never_both_succeed(
        self, metadata: MetadataStore, other: MetadataStore, fence_first: bool
    ) -> None:
        for number in range(ROUNDS * 2):
            original = an_original(f"cat{number}")
            calls = [other.fence(original.id, original.revision), metadata.add(original)]
            outcomes = await race(calls if fence_first else reversed(calls))
            if outcomes.raised:
                assert isinstance(outcomes.raised[0], Fenced)
                assert outcomes.returned == [True]
                with pytest.raises(NotFound):
                    await metadata.get(original.id)
            else:
                assert False in outcomes.returned and original in outcomes.returned
                assert await metadata.get(original.id) == original

    @pytest.mark.parametrize("fence_first", [True, False])
    async def test_a_fence_and_a_replace_never_both_succeed(
        self, metadata: MetadataStore, other: MetadataStore, fence_first: bool
    ) -> None:
        current = an_original()
        await metadata.add(current)
        for _ in range(ROUNDS * 2):
            original = an_original()
            calls = [other.fence("cat", original.revision), metadata.replace(original)]
            outcomes = await race(calls if fence_first else reversed(calls))
            if outcomes.raised:
                assert isinstance(outcomes.raised[0], Fenced)
                assert outcomes.returned == [True]
            else:
                assert False in outcomes.returned and current in outcomes.returned
                current = original
            assert await metadata.get("cat") == current

    async def test_a_used_revision_is_always_refused(self, metadata: MetadataStore, other: MetadataStore) -> None:
        first, second = an_original(), an_original()
        await metadata.add(first)
        with pytest.raises(Fenced):
            await other.replace(first)
        await metadata.replace(second)
        with pytest.raises(Fenced):
            await other.replace(first)
        await metadata.remove("cat")
        for used in (first, second):
            with pytest.raises(Fenced):
                await other.add(used)

    async def test_adding_the_current_row_again_is_refused(self, metadata: MetadataStore) -> None:
        original = an_original()
        await metadata.add(original)
        with pytest.raises((AlreadyExists, Fenced)):
            await metadata.add(original)
        assert await metadata.get("cat") == original
