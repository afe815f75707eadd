"""The quota of the spool: how many bytes the uploads under way may keep on disk and in memory."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pymager.errors import Overloaded

_MAX_BUFFERED_BYTES = 16 << 20  # of all uploads together, before each chunk is written at once
_RETRY_AFTER_SECONDS = 5


class Quota:
    """At most `limit` bytes on disk, shared by the uploads of a server process.

    The last quarter is for clients that have no other upload under way, so that no client can shut the others out.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._reserved = 0
        self._buffered = 0
        self._uploads: Counter[str] = Counter()

    @property
    def reserved(self) -> int:
        """The bytes that uploads under way have reserved."""
        return self._reserved

    @property
    def buffered(self) -> int:
        """The received bytes that are not written yet."""
        return self._buffered

    @contextmanager
    def upload(self, client: str, size: int = 0) -> Iterator["Reservation"]:
        """Reserve `size` bytes for an upload; everything that it reserves is given back at the end.

        `size` is 0 if it is unknown. Raises `Overloaded` if the quota is used up.
        """
        reservation = Reservation(self, client)
        self._uploads[client] += 1
        try:
            reservation.grow(size)
            yield reservation
        finally:
            self._reserved -= reservation.size
            self._buffered -= reservation.buffered
            self._uploads[client] -= 1
            if not self._uploads[client]:
                del self._uploads[client]

    def _take(self, client: str, size: int) -> None:
        limit = self.limit if self._uploads[client] == 1 else self.limit - self.limit // 4
        if self._reserved + size > limit:
            raise Overloaded(
                f"the uploads under way would need more than {limit} bytes on disk (PYMAGER_MAX_SPOOL); try again",
                retry_after=_RETRY_AFTER_SECONDS,
            )
        self._reserved += size


class Reservation:
    """What one upload uses of the quota: `size` bytes on disk, and `buffered` of them still in memory."""

    def __init__(self, quota: Quota, client: str) -> None:
        self.size = 0
        self.buffered = 0
        self._quota = quota
        self._client = client
        self._received = 0

    @property
    def must_write(self) -> bool:
        """Whether all uploads together have so many bytes in memory that this one must write its own."""
        return self._quota._buffered > _MAX_BUFFERED_BYTES

    def grow(self, size: int) -> None:
        """Reserve more, so that it is at least `size` bytes. Raises `Overloaded`."""
        if size > self.size:
            self._quota._take(self._client, size - self.size)
            self.size = size

    @contextmanager
    def room(self, size: int) -> Iterator[bool]:
        """Reserve `size` more bytes while inside, if they are free; yields whether they were."""
        try:
            self._quota._take(self._client, size)
        except Overloaded:
            size = 0
            has_room = False
        else:
            has_room = True
        self.size += size
        try:
            yield has_room
        finally:
            self.size -= size
            self._quota._reserved -= size

    def received(self, size: int) -> None:
        """Count more bytes that have been received. Raises `Overloaded`."""
        self.grow(self._received + size)
        self._received += size
        self.buffered += size
        self._quota._buffered += size

    def written(self) -> None:
        """All received bytes have been written."""
        self._quota._buffered -= self.buffered
        self.buffered = 0
