"""Probes: whether the process is alive, and whether it is ready."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from pymager.errors import BackendError
from pymager.ports import BlobStore, MetadataStore
from pymager.web.app_keys import LIFECYCLE

_PING_TIMEOUT_SECONDS = 2.0


async def healthz(request: web.Request) -> web.Response:
    """`GET /healthz`: the process is alive."""
    return _json(200, {"status": "alive"})


def readyz(blobs: BlobStore, metadata: MetadataStore) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler of `GET /readyz`: the process is ready unless it drains.

    The response names a backend that is unavailable, but stays 200: otherwise a load balancer would remove all
    replicas at once.
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
        async with asyncio.timeout(_PING_TIMEOUT_SECONDS):
            await ping()
    except (BackendError, TimeoutError):
        return "unavailable"
    return "ok"


def _json(status: int, content: object) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(content),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )
