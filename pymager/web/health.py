"""Whether the process is alive, and whether it can serve."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from pymager.errors import BackendError
from pymager.ports import BlobStore, MetadataStore
from pymager.web.app_keys import LIFECYCLE

_PATIENCE = 2.0


async def healthz(request: web.Request) -> web.Response:
    """`/healthz`: the process answers."""
    return _json(200, {"status": "alive"})


def readyz(blobs: BlobStore, metadata: MetadataStore) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`/readyz`: this process's own state. A backend that is away is named, and does not make it unready.

    All replicas would leave their load balancer at once otherwise.
    """

    async def handler(request: web.Request) -> web.Response:
        states = await asyncio.gather(_state(blobs.ping), _state(metadata.ping))
        lifecycle = request.app[LIFECYCLE]
        draining = lifecycle.draining
        body = {
            "status": "draining" if draining else "ready",
            **({"read_only": True} if lifecycle.read_only else {}),
            "backends": {"blobs": states[0], "metadata": states[1]},
        }
        return _json(503 if draining else 200, body)

    return handler


async def _state(ping: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await ping()
    except (BackendError, TimeoutError):
        return "away"
    return "ok"


def _json(status: int, content: object) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(content),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )
