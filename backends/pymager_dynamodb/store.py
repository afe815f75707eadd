"""The metadata store over one DynamoDB table: the ports' methods, each handed to where it is done."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Self

from pymager.errors import NotFound
from pymager.ports import Lease, Original, Page
from pymager_dynamodb import address, table
from pymager_dynamodb.catalog import Catalog
from pymager_dynamodb.connections import Connections
from pymager_dynamodb.credentials import Credentials
from pymager_dynamodb.leases import Leases
from pymager_dynamodb.places import located
from pymager_dynamodb.requests import Requests
from pymager_dynamodb.signing import Signer


class DynamoMetadata:
    """The metadata of a pymager in the DynamoDB table that `url` names; `prepare` makes the table."""

    _catalog: Catalog
    _leases: Leases
    _opened: AsyncExitStack

    def __init__(self, url: str) -> None:
        self._address = address.read(url)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            requests = await opening.enter_async_context(self._requests())
            await table.check(requests, self._address.table)
            self._catalog = Catalog(requests, self._address.table)
            # A renewal never waits for a connection: a lease that is renewed too late is another's.
            own = await opening.enter_async_context(aclosing(Connections(requests.connections.endpoint)))
            self._leases = Leases(replace(requests, connections=own), self._address.table)
            self._opened = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.aclose()

    async def prepare(self) -> list[str]:
        """Make the table where there is none; `pymager init` calls this."""
        async with self._requests() as requests:
            return await table.prepare(requests, self._address.table)

    async def ping(self) -> None:
        """One read, of an id that no original has."""
        await self._catalog.find("")

    async def tidy(self, older_than: float) -> int:
        """Delete the leases that were not touched for `older_than` seconds, in whole seconds of the clock."""
        return await self._leases.tidy(older_than)

    async def get(self, id: str) -> Original:
        """The row, by a consistent read."""
        original = await self._catalog.find(id)
        if original is None:
            raise NotFound(f"no row has the id '{id}'")
        return original

    async def add(self, original: Original) -> None:
        """The row and its revision's mark in one write."""
        await self._catalog.add(original)

    async def replace(self, original: Original, expected_revision: str | None = None) -> Original:
        """The row and its revision's mark in one write, which gives the old row."""
        return await self._catalog.replace(original, expected_revision)

    async def remove(self, id: str, expected_revision: str | None = None) -> Original:
        """The row goes by one write, which gives it; the marks stay."""
        return await self._catalog.remove(id, expected_revision)

    async def fence(self, id: str, revision: str) -> bool:
        """The mark by one write, on the condition that the row is not of that revision."""
        return await self._catalog.fence(id, revision)

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """A page by a consistent Scan, in the order of the table's partitions."""
        return await self._catalog.list_page(cursor, limit)

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """One conditional write."""
        return await self._leases.acquire(name, instead_of)

    async def renew(self, lease: Lease) -> Lease:
        """One conditional write."""
        return await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        """One conditional delete."""
        await self._leases.release(lease)

    @asynccontextmanager
    async def _requests(self) -> AsyncIterator[Requests]:
        at = self._address
        credentials = Credentials(at.profile)
        try:
            await credentials.found(at.timeout)
            place = await located(at)
            async with aclosing(Connections(place.endpoint)) as connections:
                yield Requests(connections, credentials, Signer(place.region, place.host), at.timeout)
        finally:
            await credentials.close(at.timeout)
