"""Gives every request its context, before anything else looks at it."""

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pymager.telemetry.context import CURRENT, RequestContext
from pymager.telemetry.timings import Timings
from pymager.web.clients import Clients, group_of

CONTEXT = web.RequestKey("context", RequestContext)
"""The request's context, also after its handler has returned and the response is being sent."""

_PROCESS = secrets.token_hex(5)
_COUNTER = itertools.count(1)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

Handler = Callable[[Any], Awaitable[Any]]


class WithContext:
    """The outermost handler: makes the context, and takes it away when the request is answered."""

    def __init__(self, handler: Handler, clients: Clients, *, timed: bool) -> None:
        self._handler = handler
        self._clients = clients
        self._timed = timed

    async def __call__(self, request: web.BaseRequest) -> Any:
        """Answer a request."""
        request[CONTEXT] = context = new_context(request, self._clients)
        if self._timed:
            context.timings = Timings()
        CURRENT.set(context)
        try:
            return await self._handler(request)
        finally:
            CURRENT.set(None)  # the connection's task goes on, for other requests


def new_context(request: web.BaseRequest, clients: Clients) -> RequestContext:
    """The context of a request that has just come in."""
    client = clients.address(request)
    return RequestContext(_request_id(request), client, group_of(client), time.perf_counter())


def _request_id(request: web.BaseRequest) -> str:
    """The client's `X-Request-ID` if it is well-formed, else a new one."""
    given = request.headers.get("X-Request-ID")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else f"{_PROCESS}{next(_COUNTER):08x}"
