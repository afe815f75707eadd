"""`copy-blobs`: copies every blob from one store to another, hashes it on the way and reads it back to compare.

A key is only ever written with one content, and a put is all or nothing. So a blob that TO has in the same size counts
as the same blob, unless `verify` asks for a comparison of all bytes. A blob of another size is never overwritten.
"""

import hashlib
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

from pymager import keys, registry
from pymager.errors import NotFound, Unavailable
from pymager.formats import FORMATS
from pymager.library import spool
from pymager.operations.batch import Batch, stoppable_batch
from pymager.operations.copy_deployment import copy_id_of_blobs
from pymager.operations.hashing import size_and_sha256
from pymager.operations.progress import Progress
from pymager.operations.report import Done, Existing, Failed, Missing, Outcome, Report
from pymager.operations.store_pair import opened_pair
from pymager.ports import BlobInfo, BlobStore
from pymager.settings.model import Settings

_MAX_BYTES_IN_MEMORY = 1 << 20
_CONTENT_TYPES = {format.extension: format.content_type for format in FORMATS.values()}
_PREFIXES = (keys.ORIGINALS, keys.DERIVED, keys.RECIPES)


async def copy_blobs(
    settings: Settings,
    source_url: str,
    target_url: str,
    *,
    jobs: int,
    originals_only: bool,
    verify: bool,
    progress: Progress,
    echo: Callable[[str], None],
) -> Report:
    """Copy all blobs; `echo` gets a line for each thing that was created in TO.

    Raises `ConfigurationError` and `Unavailable`, which name the argument.
    """
    async with (
        opened_pair(registry.load_blobs, source_url, target_url, echo) as (source, target),
        stoppable_batch(jobs, progress) as batch,
    ):
        await copy_id_of_blobs(source, target)
        with spool.Spool(settings.spool) as folder:
            copier = BlobCopier(source, target, folder.folder, batch, verify=verify)
            await batch.run(list_blobs(source, originals_only=originals_only), lambda info: info.key, copier.copy)
    return batch.report


async def list_blobs(source: BlobStore, *, originals_only: bool) -> AsyncGenerator[BlobInfo, None]:
    """All blobs that belong to pymager, originals first."""
    for prefix in _PREFIXES[:1] if originals_only else _PREFIXES:
        async for info in source.list(prefix):
            yield info


def content_type(key: str) -> str:
    """The media type that the key's extension stands for; a generic one for any other key."""
    return _CONTENT_TYPES.get(key.rpartition("/")[2].rpartition(".")[2], "application/octet-stream")


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A blob of FROM: its bytes if it is small, otherwise a file."""

    body: bytes | Path
    size: int
    sha256: str


class BlobCopier:
    """Copies single blobs from one store to another; large ones are spooled in `folder`.

    With `verify`, a blob that TO already has is compared by its hash.
    """

    def __init__(self, source: BlobStore, target: BlobStore, folder: Path, batch: Batch, *, verify: bool) -> None:
        self._source = source
        self._target = target
        self._folder = folder
        self._retry = batch.retry
        self._verify = verify

    async def copy(self, info: BlobInfo) -> Outcome:
        """Copy a blob that FROM listed. Raises `NoSpace` and, after several attempts, `Unavailable`."""
        try:
            found = await self._retry(lambda: self._target.stat(info.key))
        except NotFound:
            return await self._transfer(info)
        if found.size != info.size:
            return Failed(f"TO has {found.size} bytes under this key, FROM has {info.size}")
        return await self._compare(info.key) if self._verify else Existing()

    async def _compare(self, key: str) -> Outcome:
        try:
            source_hash = await self._retry(lambda: _sha256(self._source, key))
        except NotFound:
            return Missing()
        target_hash = await self._retry(lambda: _sha256(self._target, key))
        if source_hash != target_hash:
            return Failed(
                f"TO has other bytes of the same size under this key: SHA-256 {target_hash}, in FROM {source_hash}"
            )
        return Existing()

    async def _transfer(self, info: BlobInfo) -> Outcome:
        try:
            fetched = await self._retry(lambda: self._fetch(info.key))
        except NotFound:
            return Missing()
        try:
            if fetched.size != info.size:
                return Failed(f"FROM lists {info.size} bytes and returns {fetched.size}")
            await self._retry(lambda: self._target.put(info.key, fetched.body, content_type(info.key)))
        finally:
            if isinstance(fetched.body, Path):
                fetched.body.unlink()
        return await self._read_back(info.key, fetched)

    async def _fetch(self, key: str) -> _Fetched:
        async with self._source.open(key) as blob:
            if blob.info.size <= _MAX_BYTES_IN_MEMORY:
                body = b"".join([chunk async for chunk in blob.chunks])
                return _Fetched(body, len(body), hashlib.sha256(body).hexdigest())
            path = self._folder / secrets.token_hex(8)
            try:
                written = await spool.write(path, blob.chunks)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return _Fetched(path, written.size, written.sha256)

    async def _read_back(self, key: str, fetched: _Fetched) -> Outcome:
        try:
            stored_hash = await self._retry(lambda: _sha256(self._target, key))
        except NotFound:
            return Failed("TO accepted the blob but does not have it")
        except Unavailable as error:
            return Failed(f"TO has the blob but cannot read it back: {error}; run again with --verify")
        if stored_hash == fetched.sha256:
            return Done(fetched.size)
        return Failed(
            f"TO returns other bytes than were written: SHA-256 {stored_hash} instead of {fetched.sha256}; "
            + await self._delete_damaged(key)
        )

    async def _delete_damaged(self, key: str) -> str:
        """Delete a damaged copy: the next run would accept it because its size is right."""
        try:
            await self._retry(lambda: self._target.delete([key]))
        except Unavailable as error:
            return f"the copy could not be deleted, delete it yourself: {error}"
        return "the copy was deleted"


async def _sha256(store: BlobStore, key: str) -> str:
    _, sha256 = await size_and_sha256(store, key)
    return sha256
