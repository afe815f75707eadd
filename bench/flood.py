"""Sends requests at given rates, whatever becomes of them: reads a job in JSON on stdin, writes its outcome on stdout.

Unlike `bench.client` it waits for nobody: a server that is too slow gets no fewer requests. A request's time counts
from the moment when it was due. What the client itself was late with, the machine being busy, is told too.
"""

import asyncio
import json
import sys
import time
from typing import Any

import uvloop

from bench.client import Connection

Outcome = dict[str, list[float]]
_PUSHED_OUT = b"most of them for this client"


class Stream:
    """Requests of one kind; connections are kept and made as they are needed."""

    def __init__(self, port: int, wires: list[bytes], rate: float) -> None:
        self.outcome: Outcome = {}
        self.lateness: list[float] = []
        self._port = port
        self._wires = wires
        self._rate = rate
        self._idle: list[Connection] = []

    async def run(self, seconds: float) -> None:
        """Send them, one each `1 / rate` seconds, each once if there are enough, and wait for the last answers."""
        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(int(seconds * self._rate)):
                due = start + number / self._rate
                if (ahead := due - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                self.lateness.append(time.perf_counter() - due)
                group.create_task(self._ask(self._wires[number % len(self._wires)], due))
        for connection in self._idle:
            connection.transport.close()

    async def _ask(self, wire: bytes, due: float) -> None:
        connection = self._idle.pop() if self._idle else await self._connected()
        try:
            status, _, body = await connection.ask(wire)
        except ConnectionError:
            kind = "failed"
        else:
            kind = "pushed out" if status == 503 and _PUSHED_OUT in body else str(status)
            self._idle.append(connection)
        self.outcome.setdefault(kind, []).append(time.perf_counter() - due)

    async def _connected(self) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        return connection


async def _run(job: dict[str, Any]) -> dict[str, Outcome]:
    streams = {
        name: Stream(job["port"], [wire.encode() for wire in each["wires"]], each["rate"])
        for name, each in job["streams"].items()
    }
    async with asyncio.TaskGroup() as group:
        for stream in streams.values():
            group.create_task(stream.run(job["seconds"]))
    lateness = [late for stream in streams.values() for late in stream.lateness]
    return {name: stream.outcome for name, stream in streams.items()} | {"": {"lateness": lateness}}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.load(sys.stdin)))))
