"""The oracle of the storm can fail: each promise is broken once on purpose, and seen."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.live import promises
from tests.live.client import Client
from tests.live.promises import Pair
from tests.live.replicas import Stores, new_stores, replicas
from tests.servers import Minio, Postgres

Scenario = Callable[[Pair], Awaitable[None]]
_MUTANTS: dict[str, Scenario] = {
    "the_cache_is_served_without_asking": promises.a_delete_on_another_replica,
    "a_mutation_is_retried": promises.an_upload_right_after_a_delete,
    "a_derived_key_has_no_revision": promises.a_replace_of_what_was_derived_from,
    "the_sweep_deletes_without_a_fence": promises.an_upload_stopped_before_its_commit_and_a_sweep,
    "a_repeated_put_is_answered_from_memory": promises.a_put_of_what_another_replica_deleted,
    "the_blob_goes_before_its_row": promises.a_delete_cut_off_in_the_middle,
}

pytestmark = pytest.mark.live


@asynccontextmanager
async def _pair(folder: Path, stores: Stores, mutant: str | None = None) -> AsyncIterator[Pair]:
    hooks = {"failpoint_kill": folder / "order", "failpoint_killed": folder / "killed", "failpoint_mutant": mutant}
    async with (
        replicas(folder, stores, 2, **hooks) as (first, second),
        Client(first.url) as here,
        Client(second.url) as there,
    ):
        yield Pair(folder, stores, first, second, here, there, mutant)


@pytest.fixture
async def common(minio: Minio, postgresql: Postgres) -> Stores:
    return await new_stores(minio, postgresql)


async def test_as_it_is_each_history_could_have_been(tmp_path: Path, common: Stores) -> None:
    async with _pair(tmp_path, common) as pair:
        for scenario in _MUTANTS.values():
            await scenario(pair)
        assert pair.histories.impossible() == []
        assert len(pair.histories) >= 14


@pytest.mark.parametrize("mutant", _MUTANTS)
async def test_a_broken_promise_is_seen(tmp_path: Path, common: Stores, mutant: str) -> None:
    async with _pair(tmp_path, common, mutant) as pair:
        try:
            await _MUTANTS[mutant](pair)
        except AssertionError as error:
            assert "is gone, but its row exists" in pair.second.log, error  # a 500: the oracle takes no such answer
        else:
            assert pair.histories.impossible() != []
