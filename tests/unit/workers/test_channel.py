"""The connection to a worker process: how its answers arrive, and what it must not send."""

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial

import pytest

from pymager.engine import protocol
from pymager.engine.protocol import ProtocolError, Status
from pymager.workers.channel import Channel

ANSWER = protocol.answer(Status.BODY, b"picture")


class Worker:
    """The other end of a channel."""

    def __init__(self, channel: Channel, end: socket.socket) -> None:
        self.channel = channel
        self._end = end

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._end, data)

    async def receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._end, 100)

    def close(self) -> None:
        self._end.close()


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    _, channel = await asyncio.get_running_loop().create_connection(partial(Channel, ours), sock=ours)
    yield Worker(channel, theirs)
    theirs.close()
    channel.close()
    await channel.wait_closed()


async def test_an_answer_can_arrive_in_parts_and_another_request_can_follow(worker: Worker) -> None:
    for parts in ([ANSWER], [ANSWER[:3], ANSWER[3:8], ANSWER[8:]], [ANSWER[:5], ANSWER[5:]]):
        exchange = asyncio.create_task(worker.channel.exchange(b"request", 20))
        assert await worker.receive() == b"request"
        for part in parts:
            await worker.send(part)
            await asyncio.sleep(0)
        assert await exchange == (Status.BODY, b"picture")


async def test_a_missing_answer_and_a_closed_connection_end_the_exchange(worker: Worker) -> None:
    with pytest.raises(TimeoutError):
        await worker.channel.exchange(b"request", 0.01)
    with pytest.raises(TimeoutError):
        await worker.channel.exchange(b"request", 20)


async def test_a_worker_that_ends_resets_the_connection(worker: Worker) -> None:
    exchange = asyncio.create_task(worker.channel.exchange(b"request", 20))
    await worker.receive()
    await worker.send(ANSWER[:6])
    worker.close()
    with pytest.raises(ConnectionError):
        await exchange


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (ANSWER + b"?", "1 bytes after the answer"),
        (protocol.ANSWER_HEADER.pack(99, 1), "unknown status 99"),
        (protocol.ANSWER_HEADER.pack(Status.BODY, protocol.MAX_BODY_BYTES + 1), "at most"),
    ],
)
async def test_an_answer_of_another_form_is_refused(worker: Worker, sent: bytes, message: str) -> None:
    exchange = asyncio.create_task(worker.channel.exchange(b"request", 20))
    await worker.receive()
    await worker.send(sent)
    with pytest.raises(ProtocolError, match=message):
        await exchange


async def test_bytes_that_answer_no_request_are_not_taken_for_the_next_answer(worker: Worker) -> None:
    await worker.send(ANSWER)
    await worker.channel.wait_closed()
    with pytest.raises(ProtocolError, match="answer no request"):
        await worker.channel.exchange(b"request", 20)
