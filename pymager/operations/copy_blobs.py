"""Copies blobs: each is hashed on its way, and what TO gives back has to have the same hash.

A key is written with one content only and a put is whole or not at all, so a blob that TO has in the same size is
taken for the same, unless every byte is to be compared. A blob of another size is never overwritten.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from pymager import keys
from pymager.errors import NotFound, Unavailable
from pymager.formats import FORMATS
from pymager.library import spool
from pymager.operations.batch import Copying
from pymager.operations.report import Copied, Known, Outcome, Refused, Vanished
from pymager.ports import BlobInfo, BlobStore

_SMALL = 1 << 20
_QUICK = 64 << 10
_TYPES = {format.extension: format.content_type for format in FORMATS.values()}
_PREFIXES = (keys.ORIGINALS, keys.DERIVED, keys.RECIPES)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A blob of FROM: in memory where it is small, else as a file."""

    body: bytes | Path
    size: int
    sha256: str


def content_type(key: str) -> str:
    """The media type by the key's extension; a neutral one for a mark and for a format that has no name here."""
    return _TYPES.get(key.rpartition("/")[2].rpartition(".")[2], "application/octet-stream")


async def every(source: BlobStore, *, originals_only: bool) -> AsyncGenerator[BlobInfo, None]:
    """All blobs of pymager, the originals first."""
    for prefix in _PREFIXES[:1] if originals_only else _PREFIXES:
        async for info in source.list(prefix):
            yield info


class BlobCopy:
    """Copies single blobs from one store to another; `folder` holds the large ones meanwhile.

    With `verify` a blob that is there already is compared byte by byte, by its hash.
    """

    def __init__(self, source: BlobStore, target: BlobStore, folder: Path, copying: Copying, *, verify: bool) -> None:
        self._source = source
        self._target = target
        self._folder = folder
        self._patiently = copying.patiently
        self._verify = verify

    async def copy(self, info: BlobInfo) -> Outcome:
        """Copy a blob as it was listed. Raises `NoSpace` and, after several tries, `Unavailable`."""
        try:
            there = await self._patiently(lambda: self._target.stat(info.key))
        except NotFound:
            return await self._carry(info)
        if there.size != info.size:
            return Refused(f"TO has {there.size} bytes under this key, FROM has {info.size}")
        return await self._compare(info.key) if self._verify else Known()

    async def _compare(self, key: str) -> Outcome:
        try:
            ours = await self._patiently(lambda: _sha256(self._source, key))
        except NotFound:
            return Vanished()
        theirs = await self._patiently(lambda: _sha256(self._target, key))
        if ours != theirs:
            return Refused(f"TO has other bytes of the same size under this key: SHA-256 {theirs}, in FROM {ours}")
        return Known()

    async def _carry(self, info: BlobInfo) -> Outcome:
        try:
            fetched = await self._patiently(lambda: self._fetch(info.key))
        except NotFound:
            return Vanished()
        try:
            if fetched.size != info.size:
                return Refused(f"FROM gives {fetched.size} bytes and lists {info.size}")
            await self._patiently(lambda: self._target.put(info.key, fetched.body, content_type(info.key)))
        finally:
            if isinstance(fetched.body, Path):
                fetched.body.unlink()
        return await self._prove(info.key, fetched)

    async def _fetch(self, key: str) -> _Fetched:
        async with self._source.open(key) as blob:
            if blob.info.size <= _SMALL:
                body = b"".join([chunk async for chunk in blob.chunks])
                return _Fetched(body, len(body), hashlib.sha256(body).hexdigest())
            path = self._folder / secrets.token_hex(8)
            try:
                written = await spool.write(path, blob.chunks)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return _Fetched(path, written.size, written.sha256)

    async def _prove(self, key: str, fetched: _Fetched) -> Outcome:
        try:
            there = await self._patiently(lambda: _sha256(self._target, key))
        except NotFound:
            return Refused("TO took it and does not have it")
        except Unavailable as error:
            return Refused(f"it is in TO, but can't be read back: {error}; run again with --verify")
        if there == fetched.sha256:
            return Copied(fetched.size)
        return Refused(
            f"TO gives back other bytes than it was given, SHA-256 {there} in place of {fetched.sha256}; "
            + await self._withdraw(key)
        )

    async def _withdraw(self, key: str) -> str:
        """Delete what is damaged: by its size the next run would take it for whole."""
        try:
            await self._patiently(lambda: self._target.delete([key]))
        except Unavailable as error:
            return f"it could not be deleted there, which you have to do: {error}"
        return "it was deleted there again"


async def _sha256(store: BlobStore, key: str) -> str:
    digest = hashlib.sha256()
    async with store.open(key) as blob:
        async for chunk in blob.chunks:
            if len(chunk) < _QUICK:
                digest.update(chunk)
            else:
                await asyncio.to_thread(digest.update, chunk)
    return digest.hexdigest()
