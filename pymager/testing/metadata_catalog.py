"""The part of the metadata store's contract about rows: they come back as written, and of many writers one wins."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pymager.errors import AlreadyExists, NotFound, RevisionMismatch
from pymager.ports import MetadataStore
from pymager.testing.metadata_dates import DateContract
from pymager.testing.metadata_descriptions import DescriptionContract
from pymager.testing.metadata_fencing import FenceContract
from pymager.testing.metadata_ids import IdContract
from pymager.testing.metadata_listing import CatalogListingContract
from pymager.testing.metadata_originals import ANOTHER_DESCRIPTION, RACERS, ROUNDS, an_original, cancel_after, race


@pytest.mark.asyncio
class CatalogContract(DateContract, DescriptionContract, FenceContract, IdContract, CatalogListingContract):
    """Rows come back as they were written, and of many concurrent writers exactly one wins."""

    async def test_a_row_comes_back_with_every_field(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        await metadata.add(original)
        assert await metadata.get("cat") == original
        assert await other.get("cat") == original
        assert (await other.get("cat")).created.tzinfo is UTC

    @pytest.mark.parametrize("created", [datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 2, 8, tzinfo=UTC)])
    async def test_a_date_comes_back_exact_to_the_second(self, metadata: MetadataStore, created: datetime) -> None:
        await metadata.add(an_original(created=created))
        assert (await metadata.get("cat")).created == created

    async def test_an_id_without_a_row_is_not_found(self, metadata: MetadataStore) -> None:
        await metadata.add(an_original("dog"))
        with pytest.raises(NotFound):
            await metadata.get("cat")
        with pytest.raises(NotFound):
            await metadata.replace(an_original("cat"))
        with pytest.raises(NotFound):
            await metadata.replace(an_original("cat"), an_original().revision)
        with pytest.raises(NotFound):
            await metadata.remove("cat")
        with pytest.raises(NotFound):
            await metadata.remove("cat", an_original().revision)
        with pytest.raises(NotFound):
            await metadata.get("cat")

    async def test_a_second_add_is_refused_and_changes_nothing(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        first = an_original()
        await metadata.add(first)
        for store in (metadata, other):
            with pytest.raises(AlreadyExists):
                await store.add(an_original(width=1))
        assert await other.get("cat") == first

    async def test_of_many_concurrent_adds_of_one_id_exactly_one_succeeds(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        originals = [an_original(width=number + 1) for number in range(RACERS)]
        stores = (metadata, other)
        outcomes = await race(stores[number % 2].add(original) for number, original in enumerate(originals))
        assert len(outcomes.returned) == 1
        assert {type(error) for error in outcomes.raised} == {AlreadyExists}
        current = await metadata.get("cat")
        assert current in originals
        assert await other.get("cat") == current

    async def test_of_many_concurrent_removes_exactly_one_returns_the_row(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = an_original()
        await metadata.add(original)
        outcomes = await race((metadata, other)[number % 2].remove("cat") for number in range(RACERS))
        assert outcomes.returned == [original]
        assert {type(error) for error in outcomes.raised} == {NotFound}

    async def test_another_store_sees_every_change_immediately(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for _ in range(ROUNDS):
            added, replacement = await other.add(an_original()), an_original(format="png")
            assert await metadata.get("cat") == added
            await metadata.replace(replacement)
            assert await other.get("cat") == replacement
            await other.remove("cat")
            with pytest.raises(NotFound):
                await metadata.get("cat")

    async def test_a_replace_changes_every_field_and_returns_the_old_row(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        old = an_original()
        created = datetime(2026, 3, 1, tzinfo=UTC)
        new = an_original(format="webp", width=1, height=2, size=3, sha256="0" * 64, created=created)
        new = new.with_description(ANOTHER_DESCRIPTION)
        await metadata.add(old)
        assert await other.replace(new) == old
        assert await metadata.get("cat") == new

    async def test_concurrent_replaces_form_one_chain(self, metadata: MetadataStore, other: MetadataStore) -> None:
        first = an_original()
        await metadata.add(first)
        originals = [an_original(width=number + 1) for number in range(RACERS)]
        stores = (metadata, other)
        outcomes = await race(stores[number % 2].replace(original) for number, original in enumerate(originals))
        assert outcomes.raised == []
        successors = {old.revision: new for old, new in zip(outcomes.returned, originals, strict=True)}
        assert len(successors) == RACERS, "one row was replaced twice"
        row, length = first, 0
        while row.revision in successors:
            row, length = successors[row.revision], length + 1
        assert length == RACERS
        assert await metadata.get("cat") == row

    async def test_an_unexpected_revision_is_neither_replaced_nor_removed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = an_original()
        await metadata.add(original)
        with pytest.raises(RevisionMismatch):
            await other.replace(an_original(), an_original().revision)
        with pytest.raises(RevisionMismatch):
            await other.remove("cat", an_original().revision)
        assert await metadata.get("cat") == original

    async def test_the_expected_revision_is_replaced_and_removed(self, metadata: MetadataStore) -> None:
        first, second = an_original(), an_original()
        await metadata.add(first)
        assert await metadata.replace(second, first.revision) == first
        assert await metadata.remove("cat", second.revision) == second

    async def test_a_refused_replace_can_be_tried_again(self, metadata: MetadataStore) -> None:
        first, second = an_original(), an_original()
        await metadata.add(first)
        with pytest.raises(RevisionMismatch):
            await metadata.replace(second, an_original().revision)
        assert await metadata.replace(second, first.revision) == first

    async def test_of_many_concurrent_replaces_of_one_revision_exactly_one_succeeds(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        first = an_original()
        await metadata.add(first)
        stores = (metadata, other)
        outcomes = await race(stores[number % 2].replace(an_original(), first.revision) for number in range(RACERS))
        assert outcomes.returned == [first]
        assert {type(error) for error in outcomes.raised} == {RevisionMismatch}

    async def test_a_replace_and_a_remove_of_one_revision_never_both_succeed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for number in range(ROUNDS):
            original = an_original(f"cat{number}")
            await metadata.add(original)
            outcomes = await race(
                [
                    metadata.replace(replace(an_original(), id=original.id), original.revision),
                    other.remove(original.id, original.revision),
                ]
            )
            assert outcomes.returned == [original]
            assert isinstance(outcomes.raised[0], NotFound | RevisionMismatch)

    async def test_a_canceled_add_commits_the_whole_row_or_nothing(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for steps in range(ROUNDS):
            id = f"cat{steps}"  # of its own: an add can commit after its cancellation, also after this round's remove
            canceled, following = an_original(id, width=1), an_original(id, width=2)
            await cancel_after(steps, metadata.add(canceled))
            outcomes = await race([metadata.add(following)])
            assert all(isinstance(error, AlreadyExists) for error in outcomes.raised)
            current = canceled if outcomes.raised else following
            assert await other.get(id) == current
            assert await metadata.remove(id, current.revision) == current

    async def test_a_canceled_read_does_not_disturb_the_next_one(self, metadata: MetadataStore) -> None:
        await metadata.add(an_original())
        for steps in range(ROUNDS):
            await cancel_after(steps, metadata.get("cat"))
            await cancel_after(steps, metadata.list_page(None, 10))
            assert (await metadata.get("cat")).id == "cat"
