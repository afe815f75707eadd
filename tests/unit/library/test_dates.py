"""From when on dates are exact: at once in a new catalog, an hour after the first start in an older one."""

import time
from datetime import UTC, datetime, timedelta

from pymager.library import dates
from pymager.testing.metadata_memory import MemoryMetadata
from pymager.testing.metadata_originals import an_original


async def test_the_dates_of_a_new_catalog_are_always_exact() -> None:
    store = MemoryMetadata("memory:")
    assert await dates.exact_from(store, may_write=True) == dates.ALWAYS
    await store.add(an_original())
    assert await dates.exact_from(store, may_write=True) == dates.ALWAYS


async def test_those_of_a_catalog_with_rows_are_exact_in_an_hour_and_all_agree_on_when() -> None:
    store = MemoryMetadata("memory:")
    await store.add(an_original())
    before = datetime.fromtimestamp(int(time.time()), UTC)
    first = await dates.exact_from(store, may_write=True)
    assert first >= before + timedelta(hours=1)
    for may_write in (True, False):
        assert await dates.exact_from(store, may_write=may_write) == first


async def test_a_process_that_may_not_write_decides_nothing() -> None:
    store = MemoryMetadata("memory:")
    await store.add(an_original())
    assert await dates.exact_from(store, may_write=False) > datetime(9999, 1, 1, tzinfo=UTC)
    assert await store.get_property(dates.PROPERTY) is None
