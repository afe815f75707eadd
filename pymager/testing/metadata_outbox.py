"""The part of the metadata store's contract about purges that are recorded with a mutation, and delivered later."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pymager.errors import Fenced, NotFound, RevisionMismatch, Unavailable
from pymager.ports import MAX_PURGE_STATE_LENGTH, Backlog, MetadataStore, Purge, PurgeOrder
from pymager.testing.metadata_originals import RACERS, an_original, race

RECORDED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDER = PurgeOrder(RECORDED, RECORDED + timedelta(seconds=20))


async def all_purges(metadata: MetadataStore, limit: int = 100) -> list[Purge]:
    """Every purge, by pages of this size."""
    found: list[Purge] = []
    cursor: str | None = None
    while True:
        page = await metadata.list_purges(cursor, limit)
        assert len(page.items) <= limit
        found += page.items
        if (cursor := page.next) is None:
            return found


@pytest.mark.asyncio
class OutboxContract:
    """A purge is recorded with the mutation that asks for it, or not at all, and stays until it is finished."""

    async def test_a_mutation_records_a_purge_only_if_it_is_asked_to(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        first, second, third = an_original(), an_original(), an_original()
        await metadata.add(first)
        await metadata.replace(second)
        assert await all_purges(other) == []
        assert await metadata.replace(third, second.revision, ORDER) == second
        assert await all_purges(other) == [ORDER.of(second)]
        assert await metadata.remove("cat", None, ORDER) == third
        found = await all_purges(other)
        assert sorted(found, key=lambda purge: purge.revision) == sorted(
            [ORDER.of(second), ORDER.of(third)], key=lambda purge: purge.revision
        )
        fourth = await metadata.add(an_original())
        await metadata.remove("cat", fourth.revision)
        assert await metadata.count_purges() == Backlog(2, RECORDED)

    async def test_a_mutation_that_fails_records_no_purge(self, metadata: MetadataStore) -> None:
        with pytest.raises(NotFound):
            await metadata.remove("cat", None, ORDER)
        with pytest.raises(NotFound):
            await metadata.replace(an_original(), None, ORDER)
        first = an_original()
        await metadata.add(first)
        with pytest.raises(RevisionMismatch):
            await metadata.remove("cat", an_original().revision, ORDER)
        with pytest.raises(RevisionMismatch):
            await metadata.replace(an_original(), an_original().revision, ORDER)
        with pytest.raises(Fenced):
            await metadata.replace(first, first.revision, ORDER)
        assert await metadata.get("cat") == first
        assert await all_purges(metadata) == []
        assert await metadata.count_purges() == Backlog(0, None)

    async def test_of_many_concurrent_removals_one_records_its_purge(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = an_original()
        await metadata.add(original)
        stores = (metadata, other)
        outcomes = await race(stores[number % 2].remove("cat", None, ORDER) for number in range(RACERS))
        assert outcomes.returned == [original]
        # A store may refuse some of so many calls: then it knows that it changed nothing.
        refused = [error for error in outcomes.raised if isinstance(error, Unavailable)]
        assert all(error.outcome_known for error in refused)
        assert {type(error) for error in outcomes.raised} - {Unavailable} == {NotFound}
        assert await all_purges(metadata) == [ORDER.of(original)]

    async def test_concurrent_replacements_record_a_purge_of_each_row_that_they_replace(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        originals = [an_original() for _ in range(RACERS)]
        await metadata.add(originals[0])
        stores = (metadata, other)
        outcomes = await race(
            stores[number % 2].replace(original, None, ORDER) for number, original in enumerate(originals[1:])
        )
        assert outcomes.returned
        assert await metadata.get("cat") not in outcomes.returned
        purged = [purge.revision for purge in await all_purges(metadata)]
        assert sorted(purged) == sorted(original.revision for original in outcomes.returned)

    async def test_a_purge_is_due_at_its_time_and_not_before(self, metadata: MetadataStore) -> None:
        originals = [an_original(f"cat{number}") for number in range(5)]
        for number, original in enumerate(originals):
            await metadata.add(original)
            await metadata.remove(original.id, None, PurgeOrder(RECORDED, RECORDED + timedelta(seconds=number)))
        assert await metadata.due_purges(RECORDED - timedelta(seconds=1), 10) == []
        due = await metadata.due_purges(RECORDED + timedelta(seconds=2), 10)
        assert sorted(purge.id for purge in due) == ["cat0", "cat1", "cat2"]
        assert len(await metadata.due_purges(RECORDED + timedelta(seconds=4), 2)) == 2

    async def test_a_purge_changes_only_if_it_is_as_expected(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = an_original()
        await metadata.add(original)
        await metadata.remove("cat", None, ORDER)
        purge = ORDER.of(original)
        state = "~" * MAX_PURGE_STATE_LENGTH
        changed = replace(purge, due=purge.due + timedelta(days=1), attempts=7, state=state)
        assert await other.update_purge(purge, changed) is True
        assert await all_purges(metadata) == [changed]
        for wrong in (
            purge,
            replace(changed, due=purge.due),
            replace(changed, attempts=6),
            replace(changed, state="new"),
        ):
            assert await metadata.update_purge(wrong, replace(purge, attempts=9)) is False
        assert await all_purges(other) == [changed]
        absent = ORDER.of(an_original())
        assert await metadata.update_purge(absent, replace(absent, attempts=1)) is False
        assert await all_purges(other) == [changed]

    async def test_of_many_concurrent_changes_of_a_purge_one_succeeds(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        original = an_original()
        await metadata.add(original)
        await metadata.remove("cat", None, ORDER)
        purge, stores = ORDER.of(original), (metadata, other)
        outcomes = await race(
            stores[number % 2].update_purge(purge, replace(purge, attempts=1, state=f"by-{number}"))
            for number in range(RACERS)
        )
        assert outcomes.raised == []
        assert sorted(outcomes.returned) == [False] * (RACERS - 1) + [True]

    async def test_a_finished_purge_is_gone_and_finishing_it_again_does_nothing(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        originals = [an_original("cat"), an_original("dog")]
        for original in originals:
            await metadata.add(original)
            await metadata.remove(original.id, None, ORDER)
        first, second = (ORDER.of(original) for original in originals)
        await metadata.finish_purge(replace(first, attempts=3))  # whatever its state is
        await other.finish_purge(first)
        assert await all_purges(other) == [second]
        assert await metadata.count_purges() == Backlog(1, RECORDED)

    async def test_all_purges_are_listed_and_counted_and_no_row_is(self, metadata: MetadataStore) -> None:
        expected = []
        for number in range(7):
            original = an_original(f"cat{number}")
            await metadata.add(original)
            await metadata.remove(original.id, None, PurgeOrder(RECORDED + timedelta(days=number), ORDER.due))
            expected.append(original.revision)
        await metadata.add(an_original("dog"))
        for limit in (1, 2, 100):
            assert sorted(purge.revision for purge in await all_purges(metadata, limit)) == sorted(expected)
        assert await metadata.count_purges() == Backlog(7, RECORDED)
        await metadata.tidy(-1.0)
        assert await metadata.count_purges() == Backlog(7, RECORDED)
        rows: list[str] = []
        cursor: str | None = None
        while True:  # page by page: a cursor can be at a purge
            page = await metadata.list_page(cursor, 1)
            rows += [original.id for original in page.items]
            if (cursor := page.next) is None:
                break
        assert rows == ["dog"]

    @pytest.mark.parametrize("cursor", ["", "?", "cat", "m1.zz"])
    async def test_an_invalid_cursor_of_purges_is_refused(self, metadata: MetadataStore, cursor: str) -> None:
        with pytest.raises(ValueError, match="cursor"):
            await metadata.list_purges(cursor, 10)
