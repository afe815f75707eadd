"""`copy-metadata`: copies rows with every field, overwrites none, and lists rows that are only in TO."""

import asyncio
import io
import signal
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pymager.names import new_revision
from pymager.operations import copy_rows
from pymager.operations.batch import Batch, stoppable_batch
from pymager.operations.progress import Progress
from pymager.operations.report import Report
from pymager.ports import Original, Page
from pymager.testing.backends import MemoryMetadata
from pymager.testing.metadata_originals import A_DESCRIPTION, an_original, undescribed
from tests.unit.hooked import HookedMetadata, away, lost, once
from tests.waiting import until


@pytest.fixture
def source() -> HookedMetadata:
    return HookedMetadata()


@pytest.fixture
def target() -> HookedMetadata:
    return HookedMetadata()


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


async def copied(source: Any, target: Any, screen: io.StringIO | None = None) -> Report:
    batch = Batch(4, Progress(screen or io.StringIO()), retry_pauses=(0.0, 0.0))
    copier = copy_rows.RowCopier(source, target, batch)
    await batch.run(copy_rows.list_rows(source, batch), lambda row: row.id, copier.copy)
    await batch.run(copy_rows.list_rows(target, batch), lambda row: row.id, copier.check_extra)
    return batch.report


async def fill(metadata: HookedMetadata, count: int = 30) -> list[Original]:
    given = [
        an_original(f"id{number}", width=number + 1, created=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(number))
        for number in range(count)
    ]
    for original in given:
        await metadata.inner.add(original)
    return sorted(given, key=lambda original: original.id)


async def contents(metadata: HookedMetadata) -> list[Original]:
    return list((await metadata.inner.list_page(None, 10_000)).items)


async def test_every_row_is_copied_with_every_field(
    source: HookedMetadata, target: HookedMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = await fill(source)
    monkeypatch.setattr(copy_rows, "_PAGE_SIZE", 7)
    report = await copied(source, target)
    assert await contents(target) == given
    assert (report.done, report.existing, report.is_complete) == (30, 0, True)
    again = await copied(source, target)
    assert (again.done, again.existing, again.is_complete) == (0, 30, True)
    assert await contents(source) == given


@pytest.mark.parametrize("change", [{"width": 7}, {"revision": new_revision()}, {"created": datetime.now(UTC)}])
async def test_a_different_row_in_to_is_reported_and_unchanged(
    source: HookedMetadata, target: HookedMetadata, screen: io.StringIO, change: dict[str, Any]
) -> None:
    given = await fill(source)
    other = replace(given[3], **change)
    await target.inner.add(other)
    report = await copied(source, target, screen)
    assert await contents(target) == [*given[:3], other, *given[4:]]
    assert (report.done, report.failed, report.is_complete) == (29, 1, False)
    ((name, value),) = change.items()
    ours = getattr(given[3], name)
    assert screen.getvalue() == f"{other.id}: TO has a different row for this id: {name} is {value}, in FROM {ours}\n"


async def test_a_description_that_only_one_of_them_has_is_no_difference(
    source: HookedMetadata, target: HookedMetadata
) -> None:
    given = [undescribed(row) if number % 2 else row for number, row in enumerate(await fill(source))]
    for row in given:
        await source.inner.replace(again := replace(row, revision=new_revision()))
        await target.inner.add(again if again.description is None else undescribed(again))
    described = {row.id: row for row in await contents(source)}
    first = given[1].id
    await target.inner.describe(first, described[first].revision, A_DESCRIPTION)
    report = await copied(source, target)
    assert (report.done, report.existing, report.failed) == (15, 15, 0)
    expected = [row.with_description(A_DESCRIPTION) if row.id == first else row for row in await contents(source)]
    assert await contents(target) == expected


async def test_a_different_row_is_not_described(source: HookedMetadata, target: HookedMetadata) -> None:
    given = await fill(source)
    other = undescribed(replace(given[3], width=7))
    await target.inner.add(other)
    report = await copied(source, target)
    assert (report.done, report.failed) == (29, 1)
    assert await target.inner.get(other.id) == other


async def test_a_row_that_is_only_in_to_is_named(
    source: HookedMetadata, target: HookedMetadata, screen: io.StringIO
) -> None:
    given = await fill(source)
    await copied(source, target)
    await source.inner.remove("id5")
    report = await copied(source, target, screen)
    assert (report.existing, report.extra, report.is_complete) == (29, 1, False)
    assert screen.getvalue() == "id5: is only in TO\n"
    assert report.summary() == "0 copied, 29 already there, 0 failed, 1 only in TO"
    assert await contents(target) == given


class Rounding(MemoryMetadata):
    """A catalog that returns times in another time zone, and one wrong size."""

    async def get(self, id: str) -> Original:
        row = await super().get(id)
        row = replace(row, created=row.created.astimezone(timezone(timedelta(hours=2))))
        return replace(row, size=row.size + 1) if id == "id7" else row


async def test_a_row_that_is_read_back_changed_is_reported(source: HookedMetadata, screen: io.StringIO) -> None:
    given = await fill(source)
    target = Rounding("memory:")
    report = await copied(source, target, screen)
    assert (report.done, report.failed) == (29, 1)
    assert f"id7: TO has a different row for this id: size is {given[0].size + 1}" in screen.getvalue()


@pytest.mark.parametrize("method", ["get", "add"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("hook", [away, lost])
async def test_a_lost_answer_neither_duplicates_nor_loses_a_row(
    source: HookedMetadata, target: HookedMetadata, method: str, moment: str, hook: Any
) -> None:
    given = await fill(source)
    getattr(target, moment)[method] = once(hook)
    report = await copied(source, target)
    assert (report.done + report.existing, report.is_complete) == (30, True)
    assert await contents(target) == given


async def test_a_lost_page_is_read_again(source: HookedMetadata, target: HookedMetadata) -> None:
    await fill(source)
    source.before["list_page"] = once(away)
    assert (await copied(source, target)).is_complete


async def test_a_revision_that_was_deleted_or_fenced_in_to_is_refused(
    source: HookedMetadata, target: HookedMetadata, screen: io.StringIO
) -> None:
    given = await fill(source)
    await target.inner.fence(given[0].id, given[0].revision)
    await target.inner.add(given[1])
    await target.inner.remove(given[1].id)
    report = await copied(source, target, screen)
    assert await contents(target) == given[2:]
    assert report.failed == 2
    assert screen.getvalue().count("TO rejects this revision") == 2


async def test_a_row_that_is_written_concurrently_is_compared(source: HookedMetadata, target: HookedMetadata) -> None:
    given = await fill(source)

    async def first(original: Original) -> None:
        await target.inner.add(original if original != given[0] else replace(original, revision=new_revision()))

    target.before["add"] = first
    report = await copied(source, target)
    assert (report.done, report.existing, report.failed) == (0, 29, 1)


class Endless:
    """A catalog of many rows without storing any: a row follows from its id."""

    def __init__(self, count: int) -> None:
        self._count = count

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        first = int(cursor or 0)
        last = min(first + limit, self._count)
        return Page(tuple(map(_row, range(first, last))), str(last) if last < self._count else None)

    async def get(self, id: str) -> Original:
        return _row(int(id))


def _row(number: int) -> Original:
    return Original(f"{number}", f"{number:032x}", "jpeg", 1, 1, 1, "0" * 64, datetime(2026, 1, 1, tzinfo=UTC))


async def test_memory_stays_flat_however_many_rows_there_are() -> None:
    tracemalloc.start()
    try:
        report = await copied(Endless(20_000), Endless(20_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.existing, report.is_complete) == (20_000, True)
    assert peak < 4_000_000


async def test_an_empty_catalog_is_not_a_success(source: HookedMetadata, target: HookedMetadata) -> None:
    assert not (await copied(source, target)).is_complete


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_stops_a_copy_and_the_second_ends_it_at_once(
    number: signal.Signals, target: HookedMetadata
) -> None:
    begun = asyncio.Event()

    async def hang(*arguments: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    target.before["add"] = hang
    source = HookedMetadata()
    await fill(source)
    async with stoppable_batch(2, Progress(io.StringIO())) as batch:
        copier = copy_rows.RowCopier(source, target, batch)
        task = asyncio.create_task(batch.run(copy_rows.list_rows(source, batch), lambda row: row.id, copier.copy))
        await begun.wait()
        signal.raise_signal(number)
        await until(lambda: batch.report.stopped)
        assert not task.done()
        signal.raise_signal(number)
        await task
    assert task.done()
    assert batch.report.stopped == f"stopped by {number.name}"
    assert await contents(target) == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
