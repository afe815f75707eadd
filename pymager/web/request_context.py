"""Gives every request its context, before anything else looks at it."""

import itertools
import re
import secrets
import time
from collections.abc import Callable
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

RequestFactory = Callable[..., web.BaseRequest]


def with_context(make: RequestFactory, clients: Clients, *, timed: bool) -> RequestFactory:
    """aiohttp's factory of requests, which gives each its context. One call, where a handler around all would be two.

    The connection's task goes on for other requests: `leave` takes the context away once a request is answered.
    """

    def make_with_context(*arguments: Any) -> web.BaseRequest:
        request = make(*arguments)
        context = new_context(request, clients)
        if timed:
            context.timings = Timings()
        request[CONTEXT] = context
        CURRENT.set(context)
        return request

    return make_with_context


def leave() -> None:
    """The request is answered: what its connection does from here on is not on its behalf."""
    CURRENT.set(None)


def new_context(request: web.BaseRequest, clients: Clients) -> RequestContext:
    """The context of a request that has just come in."""
    client = clients.address(request)
    return RequestContext(_request_id(request), client, group_of(client), time.perf_counter())


def _request_id(request: web.BaseRequest) -> str:
    """The client's `X-Request-ID` if it is well-formed, else a new one."""
    given = request.headers.get("X-Request-ID")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else f"{_PROCESS}{next(_COUNTER):08x}"
