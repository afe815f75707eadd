"""Who waits, in the order of being served: clients take turns, and each client's own go in the order of coming."""

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """Holds a line for each client of whom something waits, and nothing of the others.

    So it knows never more clients than there are things that wait. A client who comes back goes to the end.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def clients(self) -> int:
        """Of how many clients something waits."""
        return len(self._lines)

    def count(self, client: str) -> int:
        """How many of a client's things wait."""
        return len(self._lines.get(client, ()))

    def add(self, client: str, thing: T) -> None:
        """One more waits."""
        self._lines.setdefault(client, deque()).append(thing)
        self._count += 1

    def pop(self) -> T:
        """Whose turn it is. Raises `KeyError` where nobody waits."""
        client = next(iter(self._lines), None)
        if client is None:
            raise KeyError("nobody waits")
        thing = self._lines[client].popleft()
        self._lines.move_to_end(client)
        self._left(client)
        return thing

    def remove(self, client: str, thing: T) -> None:
        """It does not wait any more; nothing changes where it did not."""
        line = self._lines.get(client, ())
        if thing in line:
            self._lines[client].remove(thing)
            self._left(client)

    def pop_surplus(self, client: str) -> T | None:
        """The last of the longest line, if one more of this client may take its place: his line stays the shorter one.

        None where nobody has so much more than he.
        """
        longest = max(self._lines, key=self.count, default=client)
        if self.count(longest) <= self.count(client) + 1:
            return None
        thing = self._lines[longest].pop()
        self._left(longest)
        return thing

    def _left(self, client: str) -> None:
        self._count -= 1
        if not self._lines[client]:
            del self._lines[client]
