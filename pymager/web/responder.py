"""Sends every response that the hot path does not: calls a handler, turns errors into problem documents, and logs.

A response is sent here and not by aiohttp, so that the status that is logged and counted is right: 499 if the client
disconnected before it got the whole response.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import HttpVersion11, web

from pymager.telemetry.context import RequestContext
from pymager.variants.signatures import without_signature
from pymager.web import failures, headers
from pymager.web.app_keys import ACCESS_LOG, LIFECYCLE, QUIET_PATHS
from pymager.web.connections import MALFORMED, Connection
from pymager.web.direct import DirectRequest
from pymager.web.failures import MalformedRequest, UnknownTransferCoding, WebError
from pymager.web.request_context import CONTEXT, AnyRequest, clear_context, context_of

CLIENT_DISCONNECTED = 499  # nginx uses this status too
_SERVER_STOPPED = 503
_MAX_LOGGED_CHARACTERS = 1_024
_UNKNOWN = "-"  # the method and the path of a request that is not valid HTTP

Handler = Callable[[Any], Awaitable[Any]]

log = structlog.get_logger("pymager.web")


class Incomplete:
    """Takes the place of a response that was not sent completely; has the attributes that aiohttp uses."""

    __slots__ = ("status",)

    keep_alive = False
    prepared = True
    content_length = None

    def __init__(self, status: int) -> None:
        self.status = status

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing more can be sent."""

    async def write_eof(self) -> None:
        """Nothing more can be sent."""


class Responder:
    """Responds to requests; `handler` is the application's."""

    def __init__(self, app: web.Application, handler: Handler) -> None:
        self._router = app.router
        self._handler = handler
        self._access_log = app[ACCESS_LOG]
        self._lifecycle = app[LIFECYCLE]
        self._quiet_paths = app[QUIET_PATHS]

    async def __call__(self, request: web.Request) -> Any:
        """Respond to a request."""
        error = framing_error(request)
        return await self.respond(request, self._route if error is None else raising(error))

    async def respond(self, request: web.Request, handler: Handler) -> Any:
        """Send the handler's response, or the one to its error, and log the request. Returns what was sent."""
        context = request[CONTEXT]
        try:
            response = await _send(request, await self._called(request, context, handler))
        except asyncio.CancelledError:
            self.log_request(request, canceled_status(request), None)
            raise
        _end_body(request, context, response)
        if response.status != 200 or request.path not in self._quiet_paths:
            self.log_request(request, response.status, response.content_length)
        clear_context()
        return response

    def incomplete(self, request: AnyRequest) -> Incomplete:
        """Log a request whose client disconnected."""
        self.log_request(request, CLIENT_DISCONNECTED, None)
        clear_context()
        return Incomplete(CLIENT_DISCONNECTED)

    def log_request(self, request: AnyRequest, status: int, size: int | None) -> None:
        """Write the request's line of the access log; `size` is the size of the response's body in bytes."""
        if self._access_log is not None:
            is_known = isinstance(request, DirectRequest) or MALFORMED not in request
            method, path = (request.method, _shown_path(request)) if is_known else (_UNKNOWN, _UNKNOWN)
            self._access_log(_line(context_of(request), status, size, method, path))

    def log_refused(self, context: RequestContext, status: int, size: int) -> None:
        """Write the line of a connection that was refused before it sent a request."""
        if self._access_log is not None:
            self._access_log(_line(context, status, size, _UNKNOWN, _UNKNOWN))

    async def _route(self, request: web.Request) -> Any:
        """The application's response. aiohttp would send 100 Continue also for a URL that does not exist."""
        if "Expect" in request.headers:
            match = await self._router.resolve(request)
            if match.http_exception is not None:
                raise match.http_exception
        return await self._handler(request)

    async def _called(self, request: web.Request, context: RequestContext, handler: Handler) -> Any:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = failures.http_exception_response(error, context.id)
        except Exception as error:  # a bug is logged with its traceback, and the client gets no details
            if isinstance(error, ConnectionError) and has_left(request):
                return Incomplete(CLIENT_DISCONNECTED)
            response = _problem(error, request, context)
        if not response.prepared:
            response.headers.update(headers.response_headers(context))
            if headers.is_negotiated(request.path):
                response.headers.update(headers.VARY)
            if self._lifecycle.draining or _body_was_not_sent(request, context, response):
                response.force_close()
        return response


def has_left(request: web.BaseRequest) -> bool:
    """Whether nothing more can be sent, because the client disconnected or was too slow."""
    transport = request.transport
    return transport is None or transport.is_closing()


def canceled_status(request: AnyRequest) -> int:
    """The status of a request that was canceled: 499 because its client left, or 503 because the server stops."""
    connection = request.protocol
    if isinstance(connection, Connection) and connection.client_has_left:
        return CLIENT_DISCONNECTED
    return _SERVER_STOPPED


def framing_error(request: web.BaseRequest) -> WebError | None:
    """What makes the end of the request uncertain (RFC 9112 section 6.1), if anything. Such a connection is closed."""
    if (message := request.get(MALFORMED)) is not None:
        return MalformedRequest(message)
    codings = request.headers.get("Transfer-Encoding")
    if codings is None:
        return None
    if request.version < HttpVersion11:
        return MalformedRequest("HTTP/1.0 has no Transfer-Encoding")
    if codings.strip().lower() != "chunked":
        return UnknownTransferCoding("the only supported Transfer-Encoding is chunked")
    return None


def raising(error: Exception) -> Handler:
    """A handler that raises the error."""

    async def handler(request: web.BaseRequest) -> Any:
        raise error

    return handler


async def _send(request: web.Request, response: Any) -> Any:
    if response.prepared:  # the handler has streamed it
        return response
    try:
        await response.prepare(request)
        await response.write_eof()
    except ConnectionError:
        return Incomplete(CLIENT_DISCONNECTED)
    return Incomplete(CLIENT_DISCONNECTED) if has_left(request) else response


def _end_body(request: web.Request, context: RequestContext, response: Any) -> None:
    """Decide what happens to the part of the request's body that no handler has read."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        return
    if framing_error(request) is not None or request.content.exception() is not None:
        connection.close_in_stages()
    elif request.content.is_eof():
        return
    elif response.status == 408 or _body_was_not_sent(request, context, response):
        connection.stop_lingering()
    else:
        connection.linger(request.content)


def _body_was_not_sent(request: web.Request, context: RequestContext, response: Any) -> bool:
    """Whether the client still waits for 100 Continue, and does not send its body after this response."""
    return response.status >= 400 and "Expect" in request.headers and not context.sent_continue


def _problem(error: Exception, request: web.BaseRequest, context: RequestContext) -> Any:
    fields: dict[str, Any] = {"request_id": context.id, "path": _shown_path(request)[:_MAX_LOGGED_CHARACTERS]}
    if request.writer.output_size > 0:
        # The status is already sent: reset the connection, so that the client sees an incomplete body.
        log.error("response cut off", error=str(error), exc_info=error, **fields)
        if request.transport is not None:
            request.transport.abort()
        return Incomplete(500)
    response = failures.error_response(error, context.id)
    if response.status == 401 and "X-Requested-With" in request.headers:
        response.headers["WWW-Authenticate"] = failures.CHALLENGE_OF_SCRIPTS
    if response.status == 500:
        log.error("internal error", exc_info=error, **fields)
    elif response.status in (503, 507):
        log.warning("request refused", error=str(error), **fields)
    return response


def _shown_path(request: AnyRequest) -> str:
    """The request's target without its signature."""
    return without_signature(request.raw_path)


def _line(context: RequestContext, status: int, size: int | None, method: str, path: str) -> dict[str, Any]:
    return {
        "method": method,
        "path": path[:_MAX_LOGGED_CHARACTERS],
        "status": status,
        "bytes": size,
        "ms": round((time.perf_counter() - context.started) * 1_000, 2),
        "client": context.client,
        "request_id": context.id,
    }
