"""The contract of the leases. `pymager.testing.metadata` tells how to use it."""

import asyncio
from time import monotonic

import pytest

from pymager.errors import Held, Lost
from pymager.ports import Lease, MetadataStore
from pymager.testing.metadata_originals import RACERS, ROUNDS, cancel_after, race

_DEADLINE = 30.0
LONGEST = "derived/" + "é" * 100 + "/" + "r" * 491


async def standing(leases: MetadataStore, name: str) -> str:
    """The token of the lease that stands."""
    with pytest.raises(Held) as held:
        await leases.acquire(name)
    return held.value.token


@pytest.mark.asyncio
class LeasesContract:
    """Of many who want a lease exactly one has it, until it gives it back or another takes that very token's place."""

    async def test_of_many_who_acquire_a_lease_exactly_one_gets_it(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        outcomes = await race((metadata, other)[number % 2].acquire("picture") for number in range(RACERS))
        assert len(outcomes.returned) == 1
        assert {type(error) for error in outcomes.raised} == {Held}
        tokens = {error.token for error in outcomes.raised if isinstance(error, Held)}
        assert tokens == {outcomes.returned[0].token}

    async def test_a_lease_has_the_name_that_was_asked_for(self, metadata: MetadataStore) -> None:
        assert (await metadata.acquire("picture")).name == "picture"

    async def test_who_is_refused_is_told_the_standing_token(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        lease = await metadata.acquire("picture")
        for store in (metadata, other):
            assert await standing(store, "picture") == lease.token

    async def test_a_renewal_changes_the_token_for_all_to_see(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        lease = await metadata.acquire("picture")
        tokens = {lease.token}
        for _ in range(ROUNDS):
            lease = await metadata.renew(lease)
            tokens.add(lease.token)
            assert await standing(other, "picture") == lease.token
        assert len(tokens) == ROUNDS + 1

    async def test_a_token_that_was_renewed_is_worth_nothing(self, metadata: MetadataStore) -> None:
        old = await metadata.acquire("picture")
        new = await metadata.renew(old)
        with pytest.raises(Lost):
            await metadata.renew(old)
        await metadata.release(old)
        assert await standing(metadata, "picture") == new.token

    async def test_a_lease_that_was_released_is_free_for_the_other(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for _ in range(ROUNDS):
            await metadata.release(await metadata.acquire("picture"))
            await other.release(await other.acquire("picture"))

    async def test_a_lease_is_taken_over_by_who_knows_its_token(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        dead = await metadata.acquire("picture")
        taken = await other.acquire("picture", instead_of=dead.token)
        assert taken.token != dead.token
        assert await standing(metadata, "picture") == taken.token

    async def test_a_lease_is_not_taken_over_with_a_stale_token(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        old = await metadata.acquire("picture")
        new = await metadata.renew(old)
        with pytest.raises(Held) as held:
            await other.acquire("picture", instead_of=old.token)
        assert held.value.token == new.token
        assert (await metadata.renew(new)).name == "picture"

    async def test_of_many_takers_exactly_one_succeeds(self, metadata: MetadataStore, other: MetadataStore) -> None:
        dead = await metadata.acquire("picture")
        stores = (metadata, other)
        outcomes = await race(stores[number % 2].acquire("picture", dead.token) for number in range(RACERS))
        assert len(outcomes.returned) == 1
        tokens = {error.token for error in outcomes.raised if isinstance(error, Held)}
        assert len(outcomes.raised) == RACERS - 1
        assert tokens == {outcomes.returned[0].token}

    async def test_a_renewal_and_a_takeover_never_both_succeed(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        lease = await metadata.acquire("picture")
        for _ in range(ROUNDS * 2):
            outcomes = await race([metadata.renew(lease), other.acquire("picture", lease.token)])
            assert len(outcomes.returned) == 1
            assert isinstance(outcomes.raised[0], Held | Lost)
            lease = outcomes.returned[0]

    async def test_a_free_lease_is_given_also_to_who_would_take_it_over(self, metadata: MetadataStore) -> None:
        gone = await metadata.acquire("picture")
        await metadata.release(gone)
        lease = await metadata.acquire("picture", instead_of=gone.token)
        assert await standing(metadata, "picture") == lease.token

    async def test_a_late_release_does_not_free_anothers_lease(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        paused = await metadata.acquire("picture")
        taken = await other.acquire("picture", instead_of=paused.token)
        await metadata.release(paused)
        assert await standing(metadata, "picture") == taken.token
        assert (await other.renew(taken)).name == "picture"

    async def test_a_renewal_after_a_takeover_finds_the_lease_lost(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        paused = await metadata.acquire("picture")
        taken = await other.acquire("picture", instead_of=paused.token)
        with pytest.raises(Lost):
            await metadata.renew(paused)
        assert await standing(metadata, "picture") == taken.token

    async def test_a_renewal_after_the_release_finds_the_lease_lost(self, metadata: MetadataStore) -> None:
        lease = await metadata.acquire("picture")
        await metadata.release(lease)
        with pytest.raises(Lost):
            await metadata.renew(lease)
        await metadata.release(lease)
        await metadata.acquire("picture")

    @pytest.mark.parametrize("alike", [["cafe", "CAFE", "café"], ["a", "a_", "a-"], [LONGEST + "a", LONGEST + "b"]])
    async def test_leases_of_different_names_are_different(self, metadata: MetadataStore, alike: list[str]) -> None:
        leases = [await metadata.acquire(name) for name in alike]
        for lease in leases:
            assert await standing(metadata, lease.name) == lease.token

    async def test_tidy_removes_a_dead_lease_and_no_live_one(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        dead, live = await metadata.acquire("dead"), await metadata.acquire("live")
        assert await other.tidy(3600.0) == 0
        assert await standing(other, "dead") == dead.token
        removed, end = 0, monotonic() + _DEADLINE
        while not removed and monotonic() < end:
            live = await metadata.renew(live)
            removed = await other.tidy(2.0)
            await asyncio.sleep(0.05)
        assert removed == 1
        assert await standing(other, "live") == live.token
        with pytest.raises(Lost):
            await metadata.renew(dead)
        await other.acquire("dead")

    async def test_an_acquire_that_is_cancelled_leaves_a_lease_that_can_be_had(
        self, metadata: MetadataStore, other: MetadataStore
    ) -> None:
        for steps in range(ROUNDS):
            await cancel_after(steps, metadata.acquire("picture"))
            lease = await self._have(metadata, "picture")
            assert await standing(other, "picture") == lease.token
            await metadata.release(lease)

    async def _have(self, leases: MetadataStore, name: str) -> Lease:
        try:
            return await leases.acquire(name)
        except Held as held:
            return await leases.acquire(name, instead_of=held.token)
