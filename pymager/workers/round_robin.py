"""Round-robin scheduling: clients with waiting items take turns, and the items of a client stay in order."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class _Line(Generic[T]):
    """The waiting items of a client, each with its weight, and how many turns the client has to skip."""

    __slots__ = ("items", "owed")

    def __init__(self) -> None:
        self.items: deque[tuple[T, int]] = deque()
        self.owed = 0


class RoundRobin(Generic[T]):
    """One line of items for each client that waits; a client without waiting items uses no memory.

    A client that returns goes to the end of the rotation. After an item of weight n, a client skips n - 1 of its turns
    while others wait.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, _Line[T]] = OrderedDict()
        self._count = 0
        self._weight = 0

    def __len__(self) -> int:
        return self._count

    @property
    def clients(self) -> int:
        """The number of clients that have waiting items."""
        return len(self._lines)

    @property
    def weight(self) -> int:
        """The sum of the weights of all waiting items."""
        return self._weight

    def count(self, client: str) -> int:
        """The number of waiting items of a client."""
        return len(self._lines[client].items) if client in self._lines else 0

    def add(self, client: str, item: T, weight: int = 1) -> None:
        """Append an item to the client's line."""
        self._lines.setdefault(client, _Line()).items.append((item, weight))
        self._count += 1
        self._weight += weight

    def pop(self) -> T:
        """Remove the next item and return it. Raises `KeyError` if no item is waiting."""
        return self.pop_weighted()[0]

    def pop_weighted(self) -> tuple[T, int]:
        """Remove the next item; return it and its weight. Raises `KeyError` if no item is waiting."""
        if not self._lines:
            raise KeyError("no item is waiting")
        client, line = next(iter(self._lines.items()))
        while line.owed and len(self._lines) > 1:
            line.owed -= 1
            self._lines.move_to_end(client)
            client, line = next(iter(self._lines.items()))
        item, weight = line.items.popleft()
        line.owed = weight - 1
        self._lines.move_to_end(client)
        self._removed_from(client, weight)
        return item, weight

    def charge(self, client: str, weight: int) -> None:
        """Let a client skip so many more of its turns, if it has waiting items."""
        if client in self._lines:
            self._lines[client].owed += weight

    def remove(self, client: str, item: T) -> None:
        """Remove an item that no longer waits; an unknown item is ignored."""
        items = self._lines[client].items if client in self._lines else ()
        for index, (waiting, weight) in enumerate(items):
            if waiting == item:
                del self._lines[client].items[index]
                self._removed_from(client, weight)
                return

    def remove_line(self, client: str) -> list[T]:
        """Remove all items of a client, and return them in their order."""
        items = self._lines.pop(client).items if client in self._lines else ()
        self._count -= len(items)
        self._weight -= sum(weight for _, weight in items)
        return [item for item, _ in items]

    def pop_surplus(self, client: str) -> T | None:
        """Remove the last item of the longest line to make room for one of `client`, and return it.

        None if that line would not be longer than the line of `client` with its new item.
        """
        longest = max(self._lines, key=self.count, default=client)
        return None if self.count(longest) <= self.count(client) + 1 else self.pop_longest()

    def pop_longest(self) -> T:
        """Remove the last item of the longest line, and return it. Raises `ValueError` if no item is waiting."""
        longest = max(self._lines, key=self.count)
        item, weight = self._lines[longest].items.pop()
        self._removed_from(longest, weight)
        return item

    def _removed_from(self, client: str, weight: int) -> None:
        self._count -= 1
        self._weight -= weight
        if not self._lines[client].items:
            del self._lines[client]
