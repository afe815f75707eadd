"""Imports single candidates, or says what an import would do."""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial

from pymager.errors import (
    AlreadyExists,
    ConfigurationError,
    ImportRefused,
    NoSpace,
    NotFound,
    OriginalNotFound,
    PymagerError,
    Unavailable,
)
from pymager.library.library import Library
from pymager.library.spool import Spool, Spooled
from pymager.operations.batch import Batch
from pymager.operations.importing.candidates import Candidate
from pymager.operations.importing.journal import Imported, Journal
from pymager.operations.report import Done, Existing, Failed, Outcome
from pymager.ports import Catalog, Original


class _Processor(ABC):
    """Processes candidates, those with the same id one after the other."""

    def __init__(self, batch: Batch, journal: Journal, max_bytes: int) -> None:
        self._retry = batch.retry
        self._journal = journal
        self._max_bytes = max_bytes
        self._ids = _Locks()

    async def process(self, candidate: Candidate) -> Outcome:
        """Process a candidate. Raises `NoSpace`, `ConfigurationError` and, after several attempts, `Unavailable`."""
        try:
            id = candidate.id()
            async with self._ids.held(id):
                return await self._outcome(id, candidate)
        except (NoSpace, Unavailable, ConfigurationError):
            raise
        except (PymagerError, OSError) as error:
            return Failed(str(error))

    @abstractmethod
    async def _outcome(self, id: str, candidate: Candidate) -> Outcome:
        """The outcome for a candidate whose id is held."""


class Importer(_Processor):
    """Imports candidates. Of candidates with the same id, the one that is stored first is imported."""

    def __init__(self, library: Library, spool: Spool, batch: Batch, journal: Journal, max_bytes: int) -> None:
        super().__init__(batch, journal, max_bytes)
        self._library = library
        self._spool = spool

    async def _outcome(self, id: str, candidate: Candidate) -> Outcome:
        try:
            original = await self._retry(partial(self._library.get, id))
        except OriginalNotFound:
            return await self._store(id, candidate)
        return await self._compare(original, candidate)

    async def _store(self, id: str, candidate: Candidate) -> Outcome:
        async with AsyncExitStack() as stack:
            with _reading(candidate):
                version, body = await self._retry(partial(self._spooled, stack, candidate))
            outcome: Outcome = Done(body.size)
            try:
                # After a lost answer the row may exist, or a client may have deleted it since: never added twice.
                await self._retry(partial(self._library.add, id, body), is_idempotent=False)
            except AlreadyExists:
                original = await self._retry(partial(self._library.get, id))
                if original.sha256 != body.sha256:
                    return Failed(taken(id, candidate, self._journal))
                outcome = Existing()
        self._journal.remember(Imported(candidate.name, id, version, body.sha256))
        return outcome

    async def _spooled(self, stack: AsyncExitStack, candidate: Candidate) -> tuple[str, Spooled]:
        """The version of a candidate, and its bytes in the spool until the stack is closed."""
        async with candidate.open("") as content:
            assert content is not None
            check_size(content.size, self._max_bytes)
            body = self._spool.spooled(_limited(content.chunks, self._max_bytes))
            return content.version, await stack.enter_async_context(body)

    async def _compare(self, original: Original, candidate: Candidate) -> Outcome:
        """Whether the original has the bytes of the candidate, which is read only if its version is not known."""
        known = self._journal.record(candidate.name)
        version = known.version if known is not None and known.sha256 == original.sha256 else ""
        with _reading(candidate):
            found = await self._retry(partial(self._hashed, candidate, version, original.size))
        if found is None:
            return Existing()
        version, sha256 = found
        if sha256 != original.sha256:
            return Failed(taken(original.id, candidate, self._journal))
        self._journal.remember(Imported(candidate.name, original.id, version, sha256))
        return Existing()

    async def _hashed(self, candidate: Candidate, known_version: str, size: int) -> tuple[str, str] | None:
        """The version and the SHA-256 of a candidate; of one with another size no SHA-256. None if it has the version.

        Only bytes of the size have to be read.
        """
        async with candidate.open(known_version) as content:
            if content is None:
                return None
            if content.size not in (None, size):
                return content.version, ""
            digest, count = hashlib.sha256(), 0
            async for chunk in content.chunks:
                if (count := count + len(chunk)) > size:
                    return content.version, ""
                await asyncio.to_thread(digest.update, chunk)
            return content.version, digest.hexdigest()


class DryRun(_Processor):
    """Says what an import would do. It reads no picture, so damaged ones are not found, and writes nothing.

    `show` gets a line for each candidate that would be imported.
    """

    def __init__(
        self, catalog: Catalog, batch: Batch, journal: Journal, max_bytes: int, show: Callable[[str], None]
    ) -> None:
        super().__init__(batch, journal, max_bytes)
        self._catalog = catalog
        self._show = show

    async def _outcome(self, id: str, candidate: Candidate) -> Outcome:
        """The outcome that an import would have."""
        with _reading(candidate):
            size = await self._retry(candidate.size)
        check_size(size, self._max_bytes)
        try:
            original = await self._retry(partial(self._catalog.get, id))
        except NotFound:
            match self._journal.source_of(id):
                case None:
                    pass
                case candidate.name:  # listed twice
                    return Existing()
                case _:
                    return Failed(taken(id, candidate, self._journal))
            self._journal.remember(Imported(candidate.name, id, "", ""))
            self._show(f"{candidate.name} would become '{id}'")
            return Done(size or 0)
        return Existing() if size in (None, original.size) else Failed(taken(id, candidate, self._journal))


def check_size(size: int | None, max_bytes: int) -> None:
    """Raises `ImportRefused` if a candidate has too many bytes."""
    if size is not None and size > max_bytes:
        raise ImportRefused(f"has {size} bytes; PYMAGER_MAX_BODY allows {max_bytes}")


def taken(id: str, candidate: Candidate, journal: Journal) -> str:
    """Why the candidate cannot have an id that has an original."""
    other = journal.source_of(id)
    if other is None or other == candidate.name:
        return f"the id '{id}' has an original with other bytes; rename the file, or give another id in a list"
    return f"would get the same id as {other}: '{id}'; rename one of them"


async def _limited(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    count = 0
    async for chunk in chunks:
        if (count := count + len(chunk)) > max_bytes:
            raise ImportRefused(f"has more than {max_bytes} bytes; PYMAGER_MAX_BODY allows no more")
        yield chunk


@contextmanager
def _reading(candidate: Candidate) -> Iterator[None]:
    """Refuse the candidate if its own server is unavailable: this says nothing about other candidates."""
    try:
        yield
    except Unavailable as error:
        if candidate.outage_is_shared:
            raise
        raise ImportRefused(str(error)) from error


class _Locks:
    """A lock for each id that is in progress."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[asyncio.Event]] = {}

    @asynccontextmanager
    async def held(self, id: str) -> AsyncIterator[None]:
        """Wait until nobody else holds the id, and hold it."""
        while (events := self._waiting.get(id)) is not None:
            events.append(event := asyncio.Event())
            await event.wait()
        self._waiting[id] = []
        try:
            yield
        finally:
            for event in self._waiting.pop(id):
                event.set()
