"""The load's source, in a process of its own: one job a line in JSON on stdin, its outcome a line on stdout.

A job is sent over keep-alive connections, each with one request under way; see `bench.load` for the other end.
"""

import asyncio
import collections
import json
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any, cast

import uvloop

JOB_LIMIT = 300.0


class Connection(asyncio.Protocol):
    """One connection to the server; reads whole answers that say their length."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n") + 4
        if head_end < 4 or self._answer is None:
            return
        head = bytes(self._received[:head_end])
        status = int(head[9:12])
        end = head_end + (0 if status in (204, 304) else _length(head))
        if len(self._received) >= end:
            answer, self._answer = self._answer, None
            body = bytes(self._received[head_end:end])
            self._received.clear()
            answer.set_result((status, head, body))

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server closed the connection"))

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Send a request; its answer's status, head and body."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    raise ConnectionError(f"an answer without Content-Length: {head!r}")


@cache
def _file(path: str) -> bytes:
    return Path(path).read_bytes()


def _wire(request: dict[str, Any], port: int) -> bytes:
    body = request["prefix"].encode() + _file(request["file"]) + request["suffix"].encode() if request["file"] else b""
    headers = {"Host": f"127.0.0.1:{port}", **request["headers"]}
    if body:
        headers["Content-Length"] = str(len(body))
    lines = [f"{request['method']} {request['path']} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _work(port: int, queue: collections.deque[bytes], outcome: dict[str, Any]) -> None:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    while queue:
        request = queue.popleft()
        started = time.perf_counter()
        status, head, body = await connection.ask(request)
        outcome["latencies"].append(time.perf_counter() - started)
        outcome["statuses"][str(status)] = outcome["statuses"].get(str(status), 0) + 1
        outcome["bytes"] += len(body)
        if outcome["keep"]:
            outcome["head"], outcome["body"] = head.decode("latin-1"), body.hex()
    connection.transport.close()


async def _run(job: dict[str, Any]) -> dict[str, Any]:
    """Send `total` requests, the job's own over and over, on `connections` connections."""
    wires = [_wire(request, job["port"]) for request in job["requests"]]
    queue = collections.deque(wires[i % len(wires)] for i in range(job["total"]))
    outcome: dict[str, Any] = {"latencies": [], "statuses": {}, "bytes": 0, "keep": job["total"] == 1}
    async with asyncio.timeout(JOB_LIMIT), asyncio.TaskGroup() as group:
        for _ in range(min(job["connections"], job["total"])):
            group.create_task(_work(job["port"], queue, outcome))
    return outcome


def main() -> None:
    """Do jobs until stdin ends."""
    for line in sys.stdin:
        try:
            outcome = uvloop.run(_run(json.loads(line)))
        except Exception as error:  # the edge: the other side raises it
            inner = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            outcome = {"error": f"{type(inner).__name__}: {inner}"}
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
