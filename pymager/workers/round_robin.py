"""Round-robin scheduling: clients with waiting items take turns, and the items of a client stay in order."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """One line of items for each client that waits; a client without waiting items uses no memory.

    A client that returns goes to the end of the rotation.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def clients(self) -> int:
        """The number of clients that have waiting items."""
        return len(self._lines)

    def count(self, client: str) -> int:
        """The number of waiting items of a client."""
        return len(self._lines.get(client, ()))

    def add(self, client: str, item: T) -> None:
        """Append an item to the client's line."""
        self._lines.setdefault(client, deque()).append(item)
        self._count += 1

    def pop(self) -> T:
        """Remove the next item and return it. Raises `KeyError` if no item is waiting."""
        client = next(iter(self._lines), None)
        if client is None:
            raise KeyError("no item is waiting")
        item = self._lines[client].popleft()
        self._lines.move_to_end(client)
        self._removed_from(client)
        return item

    def remove(self, client: str, item: T) -> None:
        """Remove an item that no longer waits; an unknown item is ignored."""
        line = self._lines.get(client, ())
        if item in line:
            self._lines[client].remove(item)
            self._removed_from(client)

    def remove_line(self, client: str) -> list[T]:
        """Remove all items of a client, and return them in their order."""
        line = self._lines.pop(client, deque())
        self._count -= len(line)
        return list(line)

    def pop_surplus(self, client: str) -> T | None:
        """Remove the last item of the longest line to make room for one of `client`, and return it.

        None if that line would not be longer than the line of `client` with its new item.
        """
        longest = max(self._lines, key=self.count, default=client)
        return None if self.count(longest) <= self.count(client) + 1 else self.pop_longest()

    def pop_longest(self) -> T:
        """Remove the last item of the longest line, and return it. Raises `ValueError` if no item is waiting."""
        longest = max(self._lines, key=self.count)
        item = self._lines[longest].pop()
        self._removed_from(longest)
        return item

    def _removed_from(self, client: str) -> None:
        self._count -= 1
        if not self._lines[client]:
            del self._lines[client]
