"""Variants in a cache that replicas share, between the memory of a process and the bucket.

The cache is not trusted and not waited for. Whatever it does, a request loses at most the time limit and then reads
the bucket. It never decides whether a variant may be served: the catalog is read first, for every request.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from pymager.errors import BackendError, NoSpace, Unavailable
from pymager.library.circuit import Circuit
from pymager.library.deadline import Deadline
from pymager.library.sealing import Seal, SealBroken, fits
from pymager.ports import MAX_CACHED_BYTES, BlobInfo, Cache
from pymager.telemetry.families import SHARED_CACHE, SHARED_CACHE_BYTES, STORE_ERRORS, STORE_SECONDS
from pymager.telemetry.observer import OFF, Observer, Operation

_MAX_READS_PER_NODE = 64
_MAX_WRITES = 32
_WRITE_TIMEOUT_SECONDS = 1.0  # no request waits for a write
_EVENTS = ("hit", "miss", "failed", "broken", "skipped", "stored", "not_stored", "dropped")

log = structlog.get_logger("pymager.library")


class _Node:
    """A part of the cache that can fail alone, and the requests to it that are running."""

    __slots__ = ("circuit", "name", "reads")

    def __init__(self, name: str) -> None:
        self.name = name
        self.circuit = Circuit()
        self.reads = 0


class SharedTier:
    """Reads within `timeout` seconds, and writes in the background. No method raises.

    `secret` is what values are sealed with; empty: they only have a checksum.
    """

    def __init__(self, cache: Cache, secret: bytes, timeout: float, observer: Observer = OFF) -> None:
        self._cache = cache
        self._seal = Seal(secret)
        self._timeout = timeout
        self._observer = observer
        self._get, self._put = _operation(observer, "get", "shared"), _operation(observer, "put", "")
        self._nodes: dict[str, _Node] = {}
        self._writes: set[asyncio.Task[None]] = set()
        for event in _EVENTS:
            observer.count(SHARED_CACHE, event, by=0)
        for direction in ("read", "written"):
            observer.count(SHARED_CACHE_BYTES, direction, by=0)

    @property
    def open_circuits(self) -> int:
        """The number of nodes that are not asked at the moment, because they failed."""
        return sum(node.circuit.is_open for node in self._nodes.values())

    def accepts(self, info: BlobInfo) -> bool:
        """Whether a variant is small enough."""
        return fits(info, MAX_CACHED_BYTES)

    async def get(self, key: str) -> tuple[BlobInfo, bytes] | None:
        """The variant with this key of a blob, or None."""
        name = self._seal.name(key)
        node = self._node(name)
        if node.reads >= _MAX_READS_PER_NODE or not node.circuit.admits():
            self._count("skipped")
            return None
        node.reads += 1
        try:
            with self._judging(node, node.circuit):
                value = await self._value(name)
                if value is None:
                    self._count("miss")
                    return None
                found = self._seal.open(key, value)
                self._count("hit")
                self._observer.count(SHARED_CACHE_BYTES, "read", by=len(value))
                return found
        finally:
            node.reads -= 1
        return None

    def put(self, info: BlobInfo, body: bytes) -> None:
        """Write a variant in the background. It is dropped if many are being written, or if the node fails."""
        if not self.accepts(info):
            return
        name = self._seal.name(info.key)
        node = self._node(name)
        # No write is a probe: what it would say about the node, a read says with fewer bytes.
        if len(self._writes) >= _MAX_WRITES or node.circuit.is_open:
            self._count("dropped")
            return
        task = asyncio.create_task(self._write(node, name, info, body))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """Wait for the writes that run; each has a time limit."""
        if self._writes:
            await asyncio.wait(list(self._writes))

    async def _value(self, name: str) -> bytes | None:
        with self._get():
            try:
                async with Deadline(self._timeout):
                    return await self._cache.get(name)
            except TimeoutError:
                raise Unavailable(f"no answer within {self._timeout:g} s", outcome_known=True) from None

    async def _write(self, node: _Node, name: str, info: BlobInfo, body: bytes) -> None:
        with self._judging(node, None):
            value = self._seal.seal(info, body)
            try:
                await self._store(name, value)
            except NoSpace:  # says nothing about reads
                self._count("not_stored")
                return
            self._count("stored")
            self._observer.count(SHARED_CACHE_BYTES, "written", by=len(value))

    async def _store(self, name: str, value: bytes) -> None:
        with self._put():
            try:
                async with Deadline(_WRITE_TIMEOUT_SECONDS):
                    await self._cache.put(name, value)
            except TimeoutError:
                message = f"no answer to a write within {_WRITE_TIMEOUT_SECONDS:g} s"
                raise Unavailable(message, outcome_known=False) from None

    @contextmanager
    def _judging(self, node: _Node, circuit: Circuit | None) -> Iterator[None]:
        """Count how a request fails, and tell the circuit how it ends. Raises nothing but cancellations.

        Only reads have a circuit: that short writes succeed must not hide that reads do not.
        """
        try:
            yield
        except asyncio.CancelledError:
            if circuit is not None:
                circuit.canceled()
            raise
        except Exception as error:
            if not isinstance(error, BackendError | SealBroken):  # a bug of a backend, which may cost no request
                log.exception("unexpected error of the shared cache", node=node.name)
            self._count("broken" if isinstance(error, SealBroken) else "failed")
            if circuit is not None and circuit.failed():
                message = f"{type(error).__name__}: {error}"
                log.warning("shared cache node skipped after repeated failures", node=node.name, error=message)
        else:
            if circuit is not None and circuit.succeeded():
                log.info("shared cache node works again", node=node.name)

    def _node(self, name: str) -> _Node:
        node = self._cache.node(name)
        if (found := self._nodes.get(node)) is None:
            found = self._nodes[node] = _Node(node)
        return found

    def _count(self, event: str) -> None:
        self._observer.count(SHARED_CACHE, event)


def _operation(observer: Observer, name: str, timing: str) -> Operation:
    labels = ("cache", name)
    observer.count(STORE_ERRORS, *labels, "unavailable", by=0)
    return observer.operation(
        f"cache.{name}", seconds=(STORE_SECONDS, *labels), errors=(STORE_ERRORS, *labels), timing=timing
    )
