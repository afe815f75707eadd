"""Tables for the tests of DynamoDB, each a test's own, and a server in between that does harm."""

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
    """The URL of a table that is ready."""
    url = server.table_url(f"pymager-{secrets.token_hex(8)}", **query)
    await DynamoMetadata(url).prepare()
    return url


def by_way_of(url: str, server: DynamoLocal, port: int, **query: object) -> str:
    """The same table through another port."""
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return url.replace(f"%3A{server.port}", f"%3A{port}") + more


async def ask(server: DynamoLocal, action: str, **question: Any) -> Any:
    """What DynamoDB itself says."""
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
        async with session.post(url, data=json.dumps(question), headers=headers) as answer:
            return json.loads(await answer.read())


async def items(server: DynamoLocal, url: str) -> list[Any]:
    """Every item of a table as it lies there."""
    found = await ask(server, "Scan", TableName=table_of(url), ConsistentRead=True)
    return list(found["Items"])


def table_of(url: str) -> str:
    """The table's name in a URL."""
    return url.removeprefix("dynamodb://").partition("?")[0]


def refused(kind: str, message: str = "told so by the test", status: int = 400) -> web.Response:
    """An answer as DynamoDB gives it to what it does not do."""
    said = {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "message": message}
    return web.Response(status=status, body=json.dumps(said), content_type="application/x-amz-json-1.0")


class CutBefore:
    """The connection is cut when the request is there; the server never sees it."""


class CutAfter:
    """The server does it, and the connection is cut in the place of its answer."""


class Silence:
    """Nothing is answered, until the client goes."""


Fault = web.Response | CutBefore | CutAfter | Silence


@dataclass
class Between:
    """Passes requests on and counts them by action; the next of `faults` is done to the next request."""

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
        answer = await self._passed_on(request, body)
        return cut(request) if isinstance(fault, CutAfter) else answer

    async def _passed_on(self, request: web.Request, body: bytes) -> web.Response:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{self.server.port}"
            async with session.post(url, data=body, headers=request.headers) as answer:
                return web.Response(status=answer.status, body=await answer.read())


def cut(request: web.Request) -> web.Response:
    """No answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def between(server: DynamoLocal) -> AsyncIterator[Between]:
    """A server in between."""
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
