"""Reads a blob to its end, for its size and its hash."""

import asyncio
import hashlib

from pymager.ports import BlobStore

_MAX_BYTES_HASHED_INLINE = 64 << 10


async def size_and_sha256(blobs: BlobStore, key: str) -> tuple[int, str]:
    """The number of bytes that the store returns for a key, and their SHA-256 in lowercase hexadecimal.

    Large chunks are hashed in a thread. Raises `NotFound` and `Unavailable`.
    """
    digest = hashlib.sha256()
    size = 0
    async with blobs.open(key) as blob:
        async for chunk in blob.chunks:
            size += len(chunk)
            if len(chunk) < _MAX_BYTES_HASHED_INLINE:
                digest.update(chunk)
            else:
                await asyncio.to_thread(digest.update, chunk)
    return size, digest.hexdigest()
