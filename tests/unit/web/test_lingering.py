"""How many connections linger, together and of one client."""

import pytest

from pymager.web.lingering import Lingering, LingeringLimits, Watch

HOUR = 3_600.0


def lingering(max_connections: int, max_per_client: int) -> Lingering:
    return Lingering(LingeringLimits(max_connections, max_per_client, max_bytes=1, stall_timeout=HOUR, min_rate=1))


def watched(connections: Lingering, client: str | None) -> Watch | None:
    return connections.watch(client, lambda: 0, lambda: None)


@pytest.mark.parametrize("third", ["c", None])
async def test_at_most_so_many_connections_linger_whoever_they_belong_to(third: str | None) -> None:
    connections = lingering(2, 2)
    first, second = watched(connections, "a"), watched(connections, None)
    assert first is not None and second is not None
    assert watched(connections, third) is None
    for _ in range(2):  # ended twice, it makes room once
        first.end()
    assert watched(connections, third) is not None
    assert watched(connections, third) is None


async def test_at_most_so_many_connections_of_one_client_linger() -> None:
    connections = lingering(8, 2)
    own = [watched(connections, "a") for _ in range(3)]
    assert own[2] is None
    assert watched(connections, "b") is not None
    assert own[0] is not None
    own[0].end()
    assert watched(connections, "a") is not None
