"""Gives every request its context, before anything else handles it."""

import itertools
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from pymager.telemetry.context import CURRENT, RequestContext
from pymager.telemetry.timings import Timings
from pymager.web.clients import ClientResolver

CONTEXT = web.RequestKey("context", RequestContext)
"""The request's context, also after its handler has returned and the response is being sent."""

_PROCESS_ID = secrets.token_hex(5)
_SEQUENCE = itertools.count(1)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

RequestFactory = Callable[..., web.BaseRequest]


def with_context(make: RequestFactory, clients: ClientResolver, *, timed: bool) -> RequestFactory:
    """Wrap aiohttp's request factory, so that each request has a context. Cheaper than a handler around all handlers.

    A connection's task serves many requests: call `clear_context` when a request is finished.
    """

    def make_with_context(*arguments: Any) -> web.BaseRequest:
        request = make(*arguments)
        context = RequestContext(_request_id(request), clients.address(request), time.perf_counter())
        if timed:
            context.timings = Timings()
        request[CONTEXT] = context
        CURRENT.set(context)
        return request

    return make_with_context


def clear_context() -> None:
    """The request is finished: what its connection does from now on does not belong to it."""
    CURRENT.set(None)


def new_request_id() -> str:
    """An id that no other request has."""
    return f"{_PROCESS_ID}{next(_SEQUENCE):08x}"


def client_left(request: web.BaseRequest | None) -> None:
    """The client of this request, if there is one, has disconnected."""
    if request is not None and (context := request.get(CONTEXT)) is not None:
        context.disconnected()


def _request_id(request: web.BaseRequest) -> str:
    """The client's `X-Request-ID` if it is valid, else a new one."""
    given = request.headers.get("X-Request-ID")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else new_request_id()
