"""Several `pymager serve` over one bucket and one database, as in a cluster."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pymager import registry
from tests.live.program import Program, running
from tests.servers import DynamoLocal, MariaDb, Postgres
from tests.servers.s3 import S3Server


@dataclass(frozen=True)
class Stores:
    """A fresh bucket and a fresh catalog, as PYMAGER_BLOBS and PYMAGER_METADATA."""

    blobs: str
    metadata: str

    async def prepare(self) -> None:
        """What `pymager init` does."""
        await registry.load_blobs(self.blobs).prepare()
        await registry.load_metadata(self.metadata).prepare()


async def new_stores(bucket: S3Server, catalog: Postgres | MariaDb | DynamoLocal) -> Stores:
    """Stores of their own on these servers."""
    name = f"pymager-{secrets.token_hex(6)}"
    if isinstance(catalog, DynamoLocal):
        await Stores(bucket.url(name), catalog.patient_url(name)).prepare()
        return Stores(bucket.url(name), catalog.table_url(name))
    stores = Stores(bucket.url(name), catalog.new_database())
    await stores.prepare()
    return stores


@asynccontextmanager
async def replicas(folder: Path, stores: Stores, count: int = 3, **settings: object) -> AsyncIterator[list[Program]]:
    """So many programs that serve, each with a folder and a spool of its own; at the end nothing is left of them."""
    async with AsyncExitStack() as stack:
        given = {"blobs": stores.blobs, "metadata": stores.metadata} | settings
        started = [
            await stack.enter_async_context(running(folder / f"replica-{number}", wait=False, **given))
            for number in range(count)
        ]
        for program in started:
            await program.answers()
        yield started
