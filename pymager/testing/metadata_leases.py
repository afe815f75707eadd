"""The part of the metadata store's contract about leases."""

import asyncio
from time import monotonic

import pytest

from pymager.errors import LeaseHeld, LeaseLost
from pymager.ports import Lease, MetadataStore
from pymager.testing.metadata_originals import RACERS, ROUNDS, cancel_after, race

_TIDY_TIMEOUT_SECONDS = 30.0
LONG_NAME = "derived/" + "é" * 100 + "/" + "r" * 491


async def current_token(leases: MetadataStore, name: str) -> str:
    """The token of the lease that is held."""
    with pytest.raises(LeaseHeld) as held:
        await leases.acquire(name)
    return held.value.token


@pytest.mark.asyncio
class LeaseContract:
    """Of many callers exactly one holds a lease, until it releases it or another takes over from its current token."""

    async def test_of_many_concurrent_acquires_exactly_one_succeeds(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        outcomes = await race((metadata, other)[number % 2].acquire("picture") for number in range(RACERS))
        assert len(outcomes.returned) == 1
        assert {type(error) for error in outcomes.raised} == {LeaseHeld}
        tokens = {error.token for error in outcomes.raised if isinstance(error, LeaseHeld)}
        assert tokens == {outcomes.returned[0].token}

    async def test_a_lease_has_the_requested_name(self, metadata: MetadataStore) -> None:
        assert (await metadata.acquire("picture")).name == "picture"

    async def test_a_refusal_has_the_current_token(self, metadata: MetadataStore, other: MetadataStore) -> None:
        lease = await metadata.acquire("picture")
        for store in (metadata, other):
            assert await current_token(store, "picture") == lease.token

    async def test_a_renewal_changes_the_token_for_every_store(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        lease = await metadata.acquire("picture")
        tokens = {lease.token}
        for _ in range(ROUNDS):
            lease = await metadata.renew(lease)
            tokens.add(lease.token)
            assert await current_token(other, "picture") == lease.token
        assert len(tokens) == ROUNDS + 1

    async def test_a_token_is_invalid_after_a_renewal(self, metadata: MetadataStore) -> None:
        old = await metadata.acquire("picture")
        new = await metadata.renew(old)
        with pytest.raises(LeaseLost):
            await metadata.renew(old)
        await metadata.release(old)
        assert await current_token(metadata, "picture") == new.token

    async def test_a_released_lease_is_free_for_another_store(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for _ in range(ROUNDS):
            await metadata.release(await metadata.acquire("picture"))
            await other.release(await other.acquire("picture"))

    async def test_a_lease_can_be_taken_over_with_its_current_token(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        dead = await metadata.acquire("picture")
        taken = await other.acquire("picture", instead_of=dead.token)
        assert taken.token != dead.token
        assert await current_token(metadata, "picture") == taken.token

    async def test_a_lease_cannot_be_taken_over_with_a_stale_token(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        old = await metadata.acquire("picture")
        new = await metadata.renew(old)
        with pytest.raises(LeaseHeld) as held:
            await other.acquire("picture", instead_of=old.token)
        assert held.value.token == new.token
        assert (await metadata.renew(new)).name == "picture"

    async def test_of_many_concurrent_takeovers_exactly_one_succeeds(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        dead = await metadata.acquire("picture")
        stores = (metadata, other)
        outcomes = await race(stores[number % 2].acquire("picture", dead.token) for number in range(RACERS))
        assert len(outcomes.returned) == 1
        tokens = {error.token for error in outcomes.raised if isinstance(error, LeaseHeld)}
        assert len(outcomes.raised) == RACERS - 1
        assert tokens == {outcomes.returned[0].token}

    async def test_a_renewal_and_a_takeover_never_both_succeed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        lease = await metadata.acquire("picture")
        for _ in range(ROUNDS * 2):
            outcomes = await race([metadata.renew(lease), other.acquire("picture", lease.token)])
            assert len(outcomes.returned) == 1
            assert isinstance(outcomes.raised[0], LeaseHeld | LeaseLost)
            lease = outcomes.returned[0]

    async def test_a_takeover_of_a_free_lease_succeeds(self, metadata: MetadataStore) -> None:
        gone = await metadata.acquire("picture")
        await metadata.release(gone)
        lease = await metadata.acquire("picture", instead_of=gone.token)
        assert await current_token(metadata, "picture") == lease.token

    async def test_a_late_release_does_not_free_the_new_holders_lease(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        paused = await metadata.acquire("picture")
        taken = await other.acquire("picture", instead_of=paused.token)
        await metadata.release(paused)
        assert await current_token(metadata, "picture") == taken.token
        assert (await other.renew(taken)).name == "picture"

    async def test_a_renewal_after_a_takeover_is_refused(self, metadata: MetadataStore, other: MetadataStore) -> None:
        paused = await metadata.acquire("picture")
        taken = await other.acquire("picture", instead_of=paused.token)
        with pytest.raises(LeaseLost):
            await metadata.renew(paused)
        assert await current_token(metadata, "picture") == taken.token

    async def test_a_renewal_after_a_release_is_refused(self, metadata: MetadataStore) -> None:
        lease = await metadata.acquire("picture")
        await metadata.release(lease)
        with pytest.raises(LeaseLost):
            await metadata.renew(lease)
        await metadata.release(lease)
        await metadata.acquire("picture")

    @pytest.mark.parametrize("names", [["cafe", "CAFE", "café"], ["a", "a_", "a-"], [LONG_NAME + "a", LONG_NAME + "b"]])
    async def test_leases_of_similar_names_are_different(self, metadata: MetadataStore, names: list[str]) -> None:
        leases = [await metadata.acquire(name) for name in names]
        for lease in leases:
            assert await current_token(metadata, lease.name) == lease.token

    async def test_tidy_removes_abandoned_leases_and_keeps_renewed_ones(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        dead, live = await metadata.acquire("dead"), await metadata.acquire("live")
        assert await other.tidy(3600.0) == 0
        assert await current_token(other, "dead") == dead.token
        removed, end = 0, monotonic() + _TIDY_TIMEOUT_SECONDS
        while not removed and monotonic() < end:
            live = await metadata.renew(live)
            removed = await other.tidy(2.0)
            await asyncio.sleep(0.05)
        assert removed == 1
        assert await current_token(other, "live") == live.token
        with pytest.raises(LeaseLost):
            await metadata.renew(dead)
        await other.acquire("dead")

    async def test_a_canceled_acquire_leaves_a_lease_that_can_be_acquired_or_taken_over(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for steps in range(ROUNDS):
            await cancel_after(steps, metadata.acquire("picture"))
            lease = await self._acquire_or_take_over(metadata, "picture")
            assert await current_token(other, "picture") == lease.token
            await metadata.release(lease)

    async def _acquire_or_take_over(self, leases: MetadataStore, name: str) -> Lease:
        try:
            return await leases.acquire(name)
        except LeaseHeld as held:
            return await leases.acquire(name, instead_of=held.token)
