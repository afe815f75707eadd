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
from pymager.web.direct import DirectRequest

CONTEXT = web.RequestKey("context", RequestContext)
"""The request's context, also after its handler has returned and the response is being sent."""

_PROCESS_ID = secrets.token_hex(5)
_SEQUENCE = itertools.count(1)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

AnyRequest = web.BaseRequest | DirectRequest
RequestFactory = Callable[..., web.BaseRequest]


class Contexts:
    """Makes the contexts of requests; with `timed`, they have timings."""

    def __init__(self, clients: ClientResolver, *, timed: bool) -> None:
        self._clients = clients
        self._timed = timed

    def new(self, request: AnyRequest) -> RequestContext:
        """The context of a request that begins now."""
        context = RequestContext(_request_id(request), self._clients.address(request), time.perf_counter())
        if self._timed:
            context.timings = Timings()
        return context

    def added_by(self, make: RequestFactory) -> RequestFactory:
        """Wrap aiohttp's request factory, so that each request has a context. Cheaper than a handler around all others.

        A connection's task serves many requests: call `clear_context` when a request is finished.
        """

        def make_with_context(*arguments: Any) -> web.BaseRequest:
            request = make(*arguments)
            request[CONTEXT] = context = self.new(request)
            CURRENT.set(context)
            return request

        return make_with_context


def context_of(request: AnyRequest) -> RequestContext:
    """The context that a request has."""
    return request.context if isinstance(request, DirectRequest) else request[CONTEXT]


def clear_context() -> None:
    """The request is finished: what its connection does from now on does not belong to it."""
    CURRENT.set(None)


def new_request_id() -> str:
    """An id that no other request has."""
    return f"{_PROCESS_ID}{next(_SEQUENCE):08x}"


def client_left(request: AnyRequest | None) -> None:
    """The client of this request, if there is one, has disconnected."""
    if isinstance(request, DirectRequest):
        request.context.disconnected()
    elif request is not None and (context := request.get(CONTEXT)) is not None:
        context.disconnected()


def _request_id(request: AnyRequest) -> str:
    """The client's `X-Request-ID` if it is valid, else a new one."""
    given = request.headers.get("X-Request-ID")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else new_request_id()
