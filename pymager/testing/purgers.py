"""The contract of a purger, as a test class. Subclass it and define its two methods:

    from my_package import MyPurger
    from pymager.testing.purgers import Edge, PurgerContract, Reply


    class TestMyPurger(PurgerContract):
        secret = "a-token-of-the-tests"

        def make_purger(self, edge: Edge):
            return MyPurger(f"myscheme:{edge.port}?token={self.secret}&timeout=1")

        def confirmation(self):
            return Reply(200)

`make_purger` returns a purger that is not open yet, and that makes its calls to `edge`, a server that plays the API of
the cache. Each call ends after a few seconds at most. `confirmation` is the response by which the API confirms a
purge. `secret` is what no message of an error contains. Needs the extra `testing`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import pytest_asyncio

from pymager.errors import PurgeFailed
from pymager.ports import Purger, PurgeTarget

_CALL_TIMEOUT_SECONDS = 60.0
_MAX_NAME_LENGTH = 100
_HUGE = b"x" * (4 << 20)
_STATUSES = (301, 302, 307, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504)
_STATUSES_OF_SETTINGS = (401, 403, 404, 429)
"""Client errors that do not blame the purge."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the edge has got: `path` is raw, with its query, and the names of `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the edge."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Call], Awaitable[Reply | None]]


class Edge:
    """An HTTP server that plays a purge API. Bodies need a Content-Length.

    `calls` are the requests so far. `answer` makes each response; None cuts the connection.
    """

    port: int

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.calls: list[Call] = []
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def origin(self) -> str:
        """The start of its URLs."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "Edge":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    call = await _read_call(reader)
                    self.calls.append(call)
                    reply = await self.answer(call)
                    if reply is None:
                        return
                    writer.write(_serialized(reply))
                    await writer.drain()
        finally:
            writer.close()


async def _read_call(reader: asyncio.StreamReader) -> Call:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    pairs = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Call(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def _serialized(reply: Reply) -> bytes:
    headers = {"Content-Length": str(len(reply.body)), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + reply.body


def a_target(id: str = "cat") -> PurgeTarget:
    """What a cache has to forget."""
    digits = id.encode().hex().ljust(24, "0")[-24:]
    return PurgeTarget(id, digits.ljust(32, "0"), f"pmo-{digits}", (f"/derived/{id}-*", f"/original/{id}*"))


@pytest.mark.asyncio
class PurgerContract:
    """A purger confirms what its cache has confirmed, raises `PurgeFailed` for all else, and can be used after that."""

    secret: ClassVar[str | None] = None

    def make_purger(self, edge: Edge) -> Purger:
        """Override this: a purger that is not open, and makes its calls to `edge`."""
        raise NotImplementedError

    def confirmation(self) -> Reply:
        """Override this: the response that confirms a purge."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def edge(self) -> AsyncIterator[Edge]:
        async with Edge(self._confirm) as edge:
            yield edge

    @pytest_asyncio.fixture
    async def purger(self, edge: Edge) -> AsyncIterator[Purger]:
        async with self.make_purger(edge) as purger:
            yield purger

    async def test_its_attributes_are_as_the_port_says(self, edge: Edge) -> None:
        purger, again = self.make_purger(edge), self.make_purger(edge)
        assert 1 <= len(purger.name) <= _MAX_NAME_LENGTH
        assert purger.name.isascii()
        assert purger.name.isprintable()
        assert not {" ", ","} & set(purger.name)
        assert purger.name == again.name
        assert self.secret is None or self.secret not in purger.name
        assert purger.max_batch >= 1
        assert purger.tag_header in (None, "cache-tag", "surrogate-key", "xkey")

    async def test_a_purge_is_confirmed_by_the_cache_also_a_second_time(self, edge: Edge, purger: Purger) -> None:
        for _ in range(2):
            await self._purged(purger, a_target())
        assert len(edge.calls) >= 2

    async def test_a_batch_of_the_maximum_size_is_purged_as_a_whole(self, edge: Edge, purger: Purger) -> None:
        targets = [a_target(f"cat{number}") for number in range(purger.max_batch)]
        await self._purged(purger, *targets)
        sent = [f"{call.path} {call.headers} {call.body!r}" for call in edge.calls]
        for target in targets:
            assert any(target.tag in text or target.paths[0] in text for text in sent), target.id

    async def test_any_other_response_is_a_failure_and_a_redirect_is_not_followed(
        self, edge: Edge, purger: Purger
    ) -> None:
        for status in _STATUSES:
            headers = {"Location": f"{edge.origin}/elsewhere"} if 300 <= status < 400 else {}
            reply = Reply(status, b"<Code>Failed</Code>", headers)
            edge.answer = _replying(reply)
            failure = await self._failure(purger)
            assert "/elsewhere" not in [call.path for call in edge.calls]
            assert failure.is_refused is False or 400 <= status < 500
            assert failure.is_refused is False or status not in _STATUSES_OF_SETTINGS
        edge.answer = self._confirm
        await self._purged(purger, a_target())

    async def test_the_time_that_the_cache_asks_for_is_passed_on(self, edge: Edge, purger: Purger) -> None:
        edge.answer = _replying(Reply(429, headers={"Retry-After": "7"}))
        assert (await self._failure(purger)).retry_after == 7

    async def test_no_answer_at_all_is_a_failure_after_some_time(self, edge: Edge, purger: Purger) -> None:
        edge.answer = _waiting
        await self._failure(purger)
        edge.answer = self._confirm
        await self._purged(purger, a_target())

    async def test_a_connection_that_is_cut_is_a_failure(self, edge: Edge, purger: Purger) -> None:
        edge.answer = _replying(None)
        await self._failure(purger)
        edge.answer = self._confirm
        await self._purged(purger, a_target())

    async def test_a_huge_response_is_a_failure_or_ignored(self, edge: Edge, purger: Purger) -> None:
        edge.answer = _replying(Reply(500, _HUGE))
        await self._failure(purger)

    async def test_a_server_that_is_not_there_is_a_failure(self, edge: Edge) -> None:
        async with self.make_purger(edge) as purger:
            await edge.__aexit__()
            await self._failure(purger)

    async def test_a_canceled_purge_leaves_the_purger_usable(self, edge: Edge, purger: Purger) -> None:
        edge.answer = _waiting
        purging = asyncio.create_task(purger.purge([a_target()]))
        async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
            while not edge.calls:
                await asyncio.sleep(0.005)
        purging.cancel()
        with pytest.raises((asyncio.CancelledError, PurgeFailed)):  # the call can have timed out before
            await purging
        edge.answer = self._confirm
        await self._purged(purger, a_target())

    async def _confirm(self, call: Call) -> Reply:
        return self.confirmation()

    async def _purged(self, purger: Purger, *targets: PurgeTarget) -> None:
        async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
            await purger.purge(targets)

    async def _failure(self, purger: Purger) -> PurgeFailed:
        async with asyncio.timeout(_CALL_TIMEOUT_SECONDS):
            with pytest.raises(PurgeFailed) as raised:
                await purger.purge([a_target()])
        assert self.secret is None or self.secret not in str(raised.value)
        return raised.value


def _replying(reply: Reply | None) -> Answer:
    async def answer(call: Call) -> Reply | None:
        return reply

    return answer


async def _waiting(call: Call) -> Reply | None:
    await asyncio.Event().wait()
    return None
