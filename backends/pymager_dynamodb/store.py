"""The metadata store in one DynamoDB table: the port's methods, delegated to catalog and leases."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from pymager.errors import NotFound
from pymager.ports import Backlog, Description, Lease, Original, Page, Purge, PurgeOrder, PurgePage
from pymager_aws.credentials import Credentials
from pymager_aws.sigv4 import Signer
from pymager_dynamodb import table
from pymager_dynamodb.catalog import Catalog
from pymager_dynamodb.client import DynamoClient
from pymager_dynamodb.connection_pool import ConnectionPool
from pymager_dynamodb.endpoint import find_endpoint
from pymager_dynamodb.fast_reads import FastReads
from pymager_dynamodb.leases import Leases
from pymager_dynamodb.properties import Properties
from pymager_dynamodb.purges import Outbox
from pymager_dynamodb.url import parse_url


class DynamoMetadata:
    """The catalog and the leases in the DynamoDB table that the URL names; `prepare` creates the table."""

    _catalog: Catalog
    _leases: Leases
    _properties: Properties
    _outbox: Outbox
    _exit_stack: AsyncExitStack

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(self._client())
            await table.check(client, self._url.table)
            self._catalog = Catalog(client, self._url.table)
            self._properties = Properties(client, self._url.table)
            self._outbox = Outbox(client, self._url.table)
            # Leases have their own connections: a renewal that waits for one comes too late, and the lease is lost.
            lease_pool = await stack.enter_async_context(aclosing(ConnectionPool(client.pool.endpoint)))
            self._leases = Leases(replace(client, pool=lease_pool), self._url.table)
            self._exit_stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit_stack.aclose()

    async def prepare(self) -> list[str]:
        """Create the table if it is missing; `pymager init` calls this."""
        async with self._client() as client:
            return await table.prepare(client, self._url.table)

    async def ping(self) -> None:
        """Read an id that no original has."""
        await self._catalog.find("")

    async def tidy(self, older_than: float) -> int:
        """Delete the leases not touched for `older_than` seconds, rounded up to whole seconds."""
        return await self._leases.tidy(older_than)

    async def get(self, id: str) -> Original:
        """The row, by a consistent read."""
        original = await self._catalog.find(id)
        if original is None:
            raise NotFound(f"the id '{id}' has no row")
        return original

    async def add(self, original: Original) -> Original:
        """Write the row and add its revision to the used ones, in one request; two if the id was removed lately."""
        return await self._catalog.add(original)

    async def replace(
        self, original: Original, expected_revision: str | None = None, purge: PurgeOrder | None = None
    ) -> Original:
        """Write the row and add its revision to the used ones, in one request that returns the old row.

        With `purge`, read the row, and then send one transaction.
        """
        return await self._catalog.replace(original, expected_revision, purge)

    async def remove(self, id: str, expected_revision: str | None = None, purge: PurgeOrder | None = None) -> Original:
        """Remove the row in one request that returns it; the used revisions and the dates stay.

        With `purge`, read the row, and then send one transaction.
        """
        return await self._catalog.remove(id, expected_revision, purge)

    async def due_purges(self, now: datetime, limit: int) -> list[Purge]:
        """A query of each partition of the outbox."""
        return await self._outbox.due(now, limit)

    async def list_purges(self, cursor: str | None, limit: int) -> PurgePage:
        """A page of one partition of the outbox."""
        return await self._outbox.page(cursor, limit)

    async def count_purges(self) -> Backlog:
        """A query of each partition of the outbox."""
        return await self._outbox.count()

    async def update_purge(self, purge: Purge, changed: Purge) -> bool:
        """One conditional request."""
        return await self._outbox.update(purge, changed)

    async def finish_purge(self, purge: Purge) -> None:
        """One request."""
        await self._outbox.finish(purge)

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description in one conditional request."""
        return await self._catalog.describe(id, revision, description)

    async def fence(self, id: str, revision: str) -> bool:
        """Add the revision to the used ones in one request, unless the row has it."""
        return await self._catalog.fence(id, revision)

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """A page of a consistent Scan, in the order of the table's partitions."""
        return await self._catalog.list_page(cursor, limit, prefix)

    async def acquire(self, name: str, instead_of: str | None = None) -> Lease:
        """One conditional write."""
        return await self._leases.acquire(name, instead_of)

    async def renew(self, lease: Lease) -> Lease:
        """One conditional write."""
        return await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        """One conditional delete."""
        await self._leases.release(lease)

    async def get_property(self, name: str) -> str | None:
        """One consistent read."""
        return await self._properties.get(name)

    async def set_property(self, name: str, value: str, instead_of: str | None) -> str:
        """One conditional write."""
        return await self._properties.set(name, value, instead_of)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[DynamoClient]:
        timeout = self._url.timeout
        credentials = Credentials(self._url.profile)
        try:
            await credentials.get(timeout)
            endpoint = await find_endpoint(self._url)
            signer = Signer("dynamodb", endpoint.region, endpoint.host)
            with closing(FastReads(endpoint.url)) as fast_reads:
                async with aclosing(ConnectionPool(endpoint.url)) as pool:
                    yield DynamoClient(pool, fast_reads, credentials, signer, timeout)
        finally:
            await credentials.close(timeout)
