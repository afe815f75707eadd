"""Reads from DynamoDB that bypass aiohttp. A server in the test sends the responses that each test prepares."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import pytest
from yarl import URL

from pymager_dynamodb.connection_pool import MAX_CONNECTIONS, RequestNotSent, Response, ResponseLost
from pymager_dynamodb.fast_reads import FastReads
from tests.waiting import until

TIMEOUT = 60.0  # seconds
HEADERS = {"host": "x", "x-amz-target": "GetItem"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Counts connections and requests, and calls `answer` for each request."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(2))
                await self.answer(writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def reads(answer: Answer) -> AsyncIterator[tuple[FastReads, Server]]:
    server = Server(answer)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    with closing(FastReads(URL(f"http://{host}:{port}"))) as fast_reads:
        yield fast_reads, server
    listener.close()


def answering(response: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(response)

    return answer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def test_reads_share_a_connection() -> None:
    async with reads(answering(OK)) as (fast_reads, server):
        for _ in range(3):
            assert await fast_reads.post(HEADERS, b"{}", TIMEOUT) == Response(200, b"{}")
    assert server.connections == 1
    head = b"POST / HTTP/1.1\r\nhost:x\r\nx-amz-target:GetItem\r\ncontent-length:2\r\n\r\n{}"
    assert server.requests == [head] * 3


async def test_a_refusal_is_a_response_too() -> None:
    async with reads(answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nnope")) as (fast_reads, _):
        assert await fast_reads.post(HEADERS, b"{}", TIMEOUT) == Response(400, b"nope")


@pytest.mark.parametrize(
    "response",
    [CHUNKED, b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", OK.replace(b"200 OK", b"200 OK\r\nContent-Encoding: gzip")],
    ids=["chunked", "another-protocol", "compressed"],
)
async def test_a_response_that_is_not_simple_is_left_to_aiohttp(response: bytes) -> None:
    async with reads(answering(response)) as (fast_reads, server):
        for _ in range(20):
            assert await fast_reads.post(HEADERS, b"{}", TIMEOUT) is None
    assert len(server.requests) == 8  # then it stops trying


async def test_a_connection_that_was_closed_while_it_was_idle_is_replaced() -> None:
    closed = asyncio.Event()

    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await closed.wait()
        writer.close()

    async with reads(answer_and_close) as (fast_reads, server):
        assert await fast_reads.post(HEADERS, b"{}", TIMEOUT) == Response(200, b"{}")
        closed.set()
        assert await fast_reads.post(HEADERS, b"{}", TIMEOUT) == Response(200, b"{}")
    assert server.connections == 2


async def test_a_response_is_lost_if_the_server_hangs_up_or_stays_silent() -> None:
    async with reads(hang_up) as (fast_reads, _):
        with pytest.raises(ResponseLost):
            await fast_reads.post(HEADERS, b"{}", TIMEOUT)

    async def stay_silent(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with reads(stay_silent) as (fast_reads, _):
        with pytest.raises(ResponseLost):
            await fast_reads.post(HEADERS, b"{}", 0.2)


async def test_nothing_was_sent_if_nobody_listens() -> None:
    async with reads(answering(OK)) as (fast_reads, _):
        pass
    with pytest.raises(RequestNotSent):
        await fast_reads.post(HEADERS, b"{}", TIMEOUT)


async def test_a_failure_closes_the_idle_connections_too() -> None:
    may_answer = asyncio.Event()
    answers = [OK, OK]

    async def answer_twice(writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        if answers:
            writer.write(answers.pop())
        else:
            await asyncio.Event().wait()

    async with reads(answer_twice) as (fast_reads, server):
        both = [asyncio.create_task(fast_reads.post(HEADERS, b"{}", TIMEOUT)) for _ in range(2)]
        await until(lambda: server.connections == 2)
        may_answer.set()
        await asyncio.gather(*both)
        with pytest.raises(ResponseLost):
            await fast_reads.post(HEADERS, b"{}", 0.2)
        server.answer = answering(OK)
        assert await fast_reads.post(HEADERS, b"{}", TIMEOUT) == Response(200, b"{}")
        assert server.connections == 3  # not the second one, which was idle during the failure


async def test_reads_wait_for_one_of_the_connections() -> None:
    may_answer = asyncio.Event()

    async def answer_later(writer: asyncio.StreamWriter) -> None:
        await may_answer.wait()
        writer.write(OK)

    async with reads(answer_later) as (fast_reads, server):
        tasks = [asyncio.create_task(fast_reads.post(HEADERS, b"{}", TIMEOUT)) for _ in range(2 * MAX_CONNECTIONS)]
        await until(lambda: len(server.requests) == MAX_CONNECTIONS)
        with pytest.raises(RequestNotSent, match="in use"):
            await fast_reads.post(HEADERS, b"{}", 0.1)
        may_answer.set()
        assert await asyncio.gather(*tasks) == [Response(200, b"{}")] * (2 * MAX_CONNECTIONS)
    assert server.connections == MAX_CONNECTIONS
