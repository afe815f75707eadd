"""What blob stores and metadata stores have in common."""

from types import TracebackType
from typing import Protocol, Self


class Backend(Protocol):
    """What both have in common."""

    def __init__(self, url: str) -> None: ...

    async def __aenter__(self) -> Self:
        """Open the backend. Raises `ConfigurationError` if it exists, but this version cannot use it."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def prepare(self) -> list[str]:
        """Create or upgrade what the backend needs: a folder, a bucket, a schema. Safe to run more than once.

        Called on a backend that is not open. Returns one sentence for each thing that was done.
        """

    async def tidy(self, older_than: float) -> int:
        """Remove leftovers of crashes that only the backend can see, if untouched for `older_than` seconds.

        Examples are temporary files, parts of incomplete uploads and abandoned leases. Returns how many were removed.
        """

    async def ping(self) -> None:
        """Return if the backend answers within its own time limit."""
