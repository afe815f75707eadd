"""Tables for the tests of DynamoDB, a new one for each test, and a proxy that injects faults."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from pymager_dynamodb import DynamoMetadata
from tests.servers import DynamoLocal, Moto


async def new_table(server: DynamoLocal | Moto, **query: object) -> str:
    """The URL of a new table, ready for use."""
    name = f"pymager-{secrets.token_hex(8)}"
    # On a busy machine, DynamoDB Local takes seconds to create a table.
    await DynamoMetadata(server.table_url(name, **query | {"timeout": 60})).prepare()
    return server.table_url(name, **query)


def by_way_of(url: str, server: DynamoLocal, port: int, **query: object) -> str:
    """The same table through another port."""
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return server.by_way_of(url, port) + more


async def ask(server: DynamoLocal, action: str, **question: Any) -> Any:
    """Send a request to DynamoDB without pymager, and return the response."""
    headers = {
        "X-Amz-Target": f"DynamoDB_20120810.{action}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": (
            f"AWS4-HMAC-SHA256 Credential=tests/20260101/us-east-1/dynamodb/aws4_request, "
            f"SignedHeaders=host, Signature={'0' * 64}"
        ),
    }
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}"
        async with session.post(url, data=json.dumps(question), headers=headers) as response:
            return json.loads(await response.read())


async def items(server: DynamoLocal, url: str) -> list[Any]:
    """Every item of a table, as it is stored."""
    found = await ask(server, "Scan", TableName=table_of(url), ConsistentRead=True)
    return list(found["Items"])


def table_of(url: str) -> str:
    """The table's name in a URL."""
    return url.removeprefix("dynamodb://").partition("?")[0]


def refused(kind: str, message: str = "injected by the test", status: int = 400) -> web.Response:
    """A DynamoDB error response."""
    content = {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message}
    return web.Response(status=status, body=json.dumps(content), content_type="application/x-amz-json-1.0")


class CutBefore:
    """The connection is closed after the request; the server never sees it."""


class CutAfter:
    """The server handles the request, and the connection is closed instead of the response."""


class Silence:
    """There is no response until the client disconnects."""


Fault = web.Response | CutBefore | CutAfter | Silence


@dataclass
class Between:
    """A proxy that counts requests by action; each of `faults` is applied to one request, in order.

    `questions` has each request's action and body. `always` is an error for every request.
    """

    server: DynamoLocal
    port: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    questions: list[Any] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    always: str | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        action = request.headers["X-Amz-Target"].rpartition(".")[2]
        body = await request.read()
        self.seen[action] += 1
        self.questions.append((action, json.loads(body)))
        if self.always is not None:
            return refused(self.always)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, web.Response):
            return fault
        if isinstance(fault, Silence):
            await asyncio.Event().wait()
        if isinstance(fault, CutBefore):
            return cut(request)
        response = await self._forward(request, body)
        return cut(request) if isinstance(fault, CutAfter) else response

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{self.server.port}"
            async with session.post(url, data=body, headers=request.headers) as response:
                return web.Response(status=response.status, body=await response.read())


def cut(request: web.Request) -> web.Response:
    """Close the connection without a response."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def between(server: DynamoLocal) -> AsyncIterator[Between]:
    """A running proxy."""
    middle = Between(server)
    app = web.Application()
    app.router.add_post("/", middle.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    middle.port = runner.addresses[0][1]
    try:
        yield middle
    finally:
        await runner.cleanup()
