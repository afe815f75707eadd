"""Which connections give way, without sockets."""

import asyncio
from dataclasses import dataclass, field

from pymager.web.connection_table import ConnectionTable


@dataclass(eq=False)
class One:
    waiting_since: float = 0.0
    gives_way: bool = True
    looked_at: int = 0
    is_closed: bool = field(default=False, init=False)

    def force_close(self) -> None:
        self.is_closed = True


@dataclass(eq=False)
class Busy(One):
    gives_way: bool = False


@dataclass(eq=False)
class Counted(One):
    """A busy connection that counts how often it was asked."""

    asked: int = 0

    @property
    def gives_way(self) -> bool:  # type: ignore[override]
        self.asked += 1
        return False

    @gives_way.setter
    def gives_way(self, value: bool) -> None:
        """It is always busy."""


async def test_a_connection_that_was_removed_makes_room() -> None:
    table = ConnectionTable(1, 1)
    first, second = Busy(), Busy()
    assert table.admit(first, "a")
    assert not table.admit(second, "b")
    table.remove(first)
    table.remove(first)
    assert table.admit(second, "b")


async def test_the_limit_of_a_client_counts_only_its_own() -> None:
    table = ConnectionTable(10, 2)
    assert [table.admit(Busy(), client) for client in ("a", "a", "a", "b", "b", "b")] == [True, True, False] * 2


async def test_the_client_with_the_most_connections_gives_way_first() -> None:
    table = ConnectionTable(4, 4)
    older, of_many = One(1.0), [One(3.0), One(2.0), Busy()]
    assert table.admit(older, "a")
    assert all(table.admit(one, "b") for one in of_many)
    assert table.admit(One(4.0), "c")
    assert [one.is_closed for one in (older, *of_many)] == [False, False, True, False]


async def test_a_trusted_proxy_gives_way_last() -> None:
    table = ConnectionTable(3, 3)
    proxies, one = [One(1.0), One(1.0)], One(2.0)
    assert all(table.admit(proxy, None) for proxy in proxies)
    assert table.admit(one, "a")
    assert table.admit(Busy(), "b")
    assert one.is_closed
    assert table.admit(Busy(), "b")
    assert proxies[0].is_closed


async def test_of_many_that_wait_an_eighth_gives_way_and_never_more_than_32() -> None:
    for total, number in ((7, 1), (80, 10), (1_000, 32)):
        table = ConnectionTable(total, total)
        all_of_them = [One(float(since)) for since in range(total)]
        assert all(table.admit(one, "a") for one in all_of_them)
        assert table.admit(One(), "b")
        assert [one.is_closed for one in all_of_them] == [True] * number + [False] * (total - number)


async def test_a_flood_does_not_look_for_room_each_time() -> None:
    table = ConnectionTable(1, 1)
    busy = Counted()
    table.admit(busy, "a")
    assert not any(table.admit(One(), "b") for _ in range(1_000))
    assert busy.asked < 100
    async with asyncio.timeout(60):
        while busy.asked < 2:  # it looks again later
            table.admit(One(), "b")
            await asyncio.sleep(0.01)
