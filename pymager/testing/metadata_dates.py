"""The part of the metadata store's contract about dates: no two originals of one id have the same date."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from pymager.errors import AlreadyExists
from pymager.ports import MetadataStore
from pymager.testing.metadata_originals import ROUNDS, an_original, race

_SECOND = timedelta(seconds=1)
_LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
_FAR_AHEAD = datetime(2106, 2, 8, tzinfo=UTC)


@pytest.mark.asyncio
class DateContract:
    """An original that is added soon after a removal is dated later than all that came before it."""

    async def test_an_add_returns_the_row(self, metadata: MetadataStore, other: MetadataStore) -> None:
        original = an_original()
        assert await metadata.add(original) == original
        assert await other.get("cat") == original

    async def test_a_row_is_dated_after_the_last_removal(self, metadata: MetadataStore, other: MetadataStore) -> None:
        await metadata.add(an_original(created=_LONG_AGO))
        before = _now()
        await other.remove("cat")
        after = _now()
        row = await metadata.add(an_original(created=_LONG_AGO))
        assert before + _SECOND <= row.created <= after + _SECOND
        assert await other.get("cat") == row

    async def test_a_row_is_dated_after_the_last_row(self, metadata: MetadataStore, other: MetadataStore) -> None:
        ahead = _now() + timedelta(days=1)
        await metadata.add(an_original(created=ahead))
        for number in range(1, 4):
            await other.remove("cat")
            row = await metadata.add(an_original(created=_LONG_AGO))
            assert row.created == ahead + number * _SECOND

    async def test_a_row_is_dated_after_the_one_that_replaced_another(self, metadata: MetadataStore) -> None:
        ahead = _now() + timedelta(days=1)
        await metadata.add(an_original(created=_LONG_AGO))
        await metadata.replace(an_original(created=ahead))
        await metadata.remove("cat")
        assert (await metadata.add(an_original(created=ahead))).created == ahead + _SECOND

    async def test_a_date_that_is_later_anyway_stays(self, metadata: MetadataStore) -> None:
        await metadata.add(an_original(created=_LONG_AGO))
        await metadata.remove("cat")
        assert (await metadata.add(an_original(created=_FAR_AHEAD))).created == _FAR_AHEAD

    async def test_the_removal_of_another_id_changes_no_date(self, metadata: MetadataStore) -> None:
        await metadata.add(an_original("dog"))
        await metadata.remove("dog")
        original = an_original(created=_LONG_AGO)
        assert await metadata.add(original) == original

    async def test_tidying_keeps_the_dates_of_recent_removals(self, metadata: MetadataStore) -> None:
        await metadata.add(an_original(created=_LONG_AGO))
        before = _now()
        await metadata.remove("cat")
        await metadata.tidy(0)
        assert (await metadata.add(an_original(created=_LONG_AGO))).created > before

    async def test_a_removal_and_an_add_at_the_same_time_leave_two_dates(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for number in range(ROUNDS):
            id, same = f"cat{number}", _now() + timedelta(days=1)
            await metadata.add(an_original(id, created=same))
            calls = [other.remove(id), metadata.add(an_original(id, created=same))]
            outcomes = await race(reversed(calls) if number % 2 else calls)
            assert {type(error) for error in outcomes.raised} <= {AlreadyExists}, outcomes.raised
            assert len({row.created for row in outcomes.returned}) == len(outcomes.returned)


def _now() -> datetime:
    return datetime.fromtimestamp(int(time.time()), UTC)
