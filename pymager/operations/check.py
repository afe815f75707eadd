"""Checks that nothing was lost: every row has its blob, and the blob's bytes have the recorded hash."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pymager import composition, keys
from pymager.errors import NotFound, Unavailable
from pymager.ports import BlobStore, MetadataStore, Original
from pymager.settings.model import Settings

_AT_ONCE = 8
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with an original, as a sentence."""

    id: str
    problem: str


async def check(settings: Settings) -> tuple[int, list[Finding]]:
    """Check all originals. Returns how many there are, and what is wrong with them."""
    checked, findings = 0, []
    async with composition.opened_backends(settings) as (blobs, metadata):
        async for _, finding in audit(blobs, metadata):
            checked += 1
            if finding is not None:
                findings.append(finding)
    return checked, findings


async def audit(blobs: BlobStore, metadata: MetadataStore) -> AsyncIterator[tuple[Original, Finding | None]]:
    """Go through all rows, each with what is wrong with it."""
    cursor: str | None = None
    while True:
        page = await metadata.list_page(cursor, _PAGE)
        for first in range(0, len(page.items), _AT_ONCE):
            several = page.items[first : first + _AT_ONCE]
            findings = await asyncio.gather(*(_examine(blobs, metadata, original) for original in several))
            for result in zip(several, findings, strict=True):
                yield result
        cursor = page.next
        if cursor is None:
            return


async def _examine(blobs: BlobStore, metadata: MetadataStore, original: Original) -> Finding | None:
    problem = await _problem(blobs, original)
    if problem is None:
        return None
    # The row may have gone in the meantime, and its blob with it.
    try:
        current = await metadata.get(original.id)
    except NotFound:
        return None
    return Finding(original.id, problem) if current.revision == original.revision else None


async def _problem(blobs: BlobStore, original: Original) -> str | None:
    digest = hashlib.sha256()
    size = 0
    try:
        async with blobs.open(keys.original_key(original)) as blob:
            async for chunk in blob.chunks:
                size += len(chunk)
                await asyncio.to_thread(digest.update, chunk)
    except NotFound:
        return "its blob is gone"
    except Unavailable as error:
        return f"its blob can't be read: {error}"
    if size != original.size:
        return f"its blob has {size} bytes, the row says {original.size}"
    if digest.hexdigest() != original.sha256:
        return f"its blob's SHA-256 is {digest.hexdigest()}, the row says {original.sha256}"
    return None
