"""A library over in-memory backends, with real workers. The text of an original says how its job behaves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pymager import keys, names
from pymager.engine.limits import PictureLimits
from pymager.errors import NotFound
from pymager.formats import Encoding
from pymager.library.content import VariantContent
from pymager.library.derivation import Derivation
from pymager.library.descriptions import Descriptions
from pymager.library.library import Library, Located
from pymager.library.memory_tier import MemoryTier
from pymager.library.mezzanines import Mezzanines
from pymager.library.overlays import Overlays
from pymager.library.quota import Reservation
from pymager.library.resolution import Resolver
from pymager.library.shared_tier import SharedTier
from pymager.library.spool import Spool, Spooled
from pymager.ports import Original
from pymager.telemetry.observer import OFF, Observer
from pymager.variants import option_lists
from pymager.variants.grammar import Grammar
from pymager.variants.policy import Policy
from pymager.variants.urls import VariantUrls
from pymager.variants.variant import Variant
from pymager.variants.watermarks import Watermark
from pymager.workers.pool import WorkerPool
from tests.unit.hooked import HookedBlobs, HookedMetadata
from tests.unit.workers.pools import pool
from tests.urls import parse_derived

_, VARIANT = parse_derived("cat-80x60.jpg")
OLD = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@dataclass(slots=True)
class Place:
    """The parts of a library, and short forms of what tests do with them."""

    blobs: HookedBlobs
    metadata: HookedMetadata
    workers: WorkerPool
    spool: Spool
    derivation: Derivation
    library: Library
    mezzanines: Mezzanines

    @property
    def urls(self) -> VariantUrls:
        """Any size and option."""
        policy = Policy(None, 4_096, option_lists.allowed_options(["*"]))
        return VariantUrls(Grammar(Encoding(), {}), policy)

    async def add(self, text: str = "picture", id: str = "cat") -> Original:
        async with self.spooled(text) as body:
            return await self.library.add(id, body)

    async def put(self, text: str = "picture", id: str = "cat") -> tuple[Original, bool]:
        async with self.spooled(text) as body:
            return await self.library.put(id, body, lambda current: None)

    @asynccontextmanager
    async def spooled(self, text: str, reservation: Reservation | None = None) -> AsyncIterator[Spooled]:
        async def chunks() -> AsyncIterator[bytes]:
            yield text.encode()

        async with self.spool.spooled(chunks(), reservation) as body:
            yield body

    async def plant(self, text: str, id: str = "cat", created: datetime = OLD) -> Original:
        """Store an original without an inspection."""
        original = planted(id, text, created)
        await self.blobs.inner.put(keys.original_key(original), text.encode(), "image/jpeg")
        await self.metadata.inner.add(original)
        return original

    async def derived(self, original: Original, variant: Variant = VARIANT) -> bytes:
        """The variant for a caller that has read this row earlier."""
        key = self.derivation.key(original, variant)
        try:
            return await body_of(await self.derivation.stored(original, key))
        except NotFound:
            return await body_of(await self.library.render(Located(original, variant, key, variant)))

    async def rows(self) -> list[Original]:
        return list((await self.metadata.inner.list_page(None, 1_000)).items)

    async def is_sound(self) -> bool:
        """Whether every row has its blob, and no body is left in the spool."""
        rows = await self.rows()
        there = await self.blobs.keys()
        left = [path for path in self.spool.folder.iterdir() if path.name != "lock" and not path.suffix]
        return all(keys.original_key(row) in there for row in rows) and not left


def planted(id: str, text: str, created: datetime = OLD) -> Original:
    return Original(id, names.new_revision(), "jpeg", 4, 3, len(text), sha256(text.encode()).hexdigest(), created)


async def body_of(content: VariantContent) -> bytes:
    async with content:
        if content.body is not None:
            return content.body
        assert content.chunks is not None
        return b"".join([chunk async for chunk in content.chunks])


@asynccontextmanager
async def opened(
    folder: Path,
    blobs: Any = None,
    cache_bytes: int = 1 << 20,
    metadata: HookedMetadata | None = None,
    watermarks: Mapping[str, Watermark] | None = None,
    *,
    read_only: bool = False,
    mezzanine_side: int | None = None,
    observer: Observer = OFF,
    shared: SharedTier | None = None,
) -> AsyncIterator[Place]:
    """A new library; its clean-ups are finished at the end."""
    hooked_blobs, metadata, cache = HookedBlobs(blobs), metadata or HookedMetadata(), MemoryTier(cache_bytes)
    with Spool(folder) as spool:
        async with pool(2) as workers:
            overlays = Overlays(metadata, watermarks or {})
            mezzanines = Mezzanines(hooked_blobs, metadata, spool.folder, mezzanine_side, observer)
            derivation = Derivation(
                *(hooked_blobs, metadata, workers, cache, Encoding(), spool.folder, 60.0),
                mezzanines=mezzanines,
                overlays=overlays,
                shared=shared,
            )
            descriptions = Descriptions(hooked_blobs, metadata, workers, spool.folder, 60.0, read_only=read_only)
            resolver = Resolver(Encoding(), PictureLimits(("*",)), 4096, overlays, descriptions.described)
            library = Library(hooked_blobs, metadata, workers, derivation, cache, resolver, descriptions, mezzanines)
            place = Place(hooked_blobs, metadata, workers, spool, derivation, library, mezzanines)
            try:
                yield place
            finally:
                await library.close()
