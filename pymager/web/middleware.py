"""Surrounds every handler: errors become problem documents, and each request becomes a line of the access log."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from pymager.telemetry.context import RequestContext
from pymager.web import failures, headers
from pymager.web.app_keys import ACCESS_LOG, LIFECYCLE, QUIET_PATHS
from pymager.web.connections import Connection
from pymager.web.failures import ReadOnly
from pymager.web.request_context import CONTEXT, clear_context

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AccessLog = Callable[[dict[str, Any]], None]

_MAX_LOGGED_PATH = 1_024
_WRITE_METHODS = frozenset({"POST", "PUT", "DELETE"})

log = structlog.get_logger("pymager.web")


@web.middleware
async def respond_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Respond to every request, and log it unless it is a probe that succeeded."""
    context = request[CONTEXT]
    response: web.StreamResponse = await call_handler(request, handler)
    body_not_sent = "Expect" in request.headers and not context.sent_continue and response.status >= 400
    if not response.prepared and (body_not_sent or request.app[LIFECYCLE].draining):
        response.force_close()
    if (body_not_sent or response.status == 408) and isinstance(request.protocol, Connection):
        request.protocol.stop_lingering()
    if response.status != 200 or request.path not in request.app[QUIET_PATHS]:
        write_access_log(request, context, request.app[ACCESS_LOG], response.status, response.content_length)
    clear_context()
    return response


@web.middleware
async def refuse_writes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read-only mode: raises `ReadOnly` for a write. A method that the URL does not support is still 405."""
    if request.method in _WRITE_METHODS and request.match_info.http_exception is None:
        raise ReadOnly("the service is read-only: it serves pictures, but refuses uploads and deletes; try again later")
    return await handler(request)


async def set_response_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of every response. For aiohttp's signal `on_response_prepare`."""
    if response.status >= 400:
        response.headers.setdefault("Cache-Control", "no-store")  # aiohttp's own 417 bypasses the middlewares
    for name, value in headers.response_headers(request[CONTEXT]).items():
        response.headers[name] = value


async def call_handler(request: web.BaseRequest, handler: Callable[[Any], Awaitable[Any]]) -> Any:
    """The handler's response, or a problem document for the error that it raises."""
    context = request[CONTEXT]
    try:
        return await handler(request)
    except web.HTTPException as error:
        return failures.http_exception_response(error, context.id)
    except ConnectionError:
        log.info(
            "client disconnected",
            method=request.method,
            path=request.raw_path[:_MAX_LOGGED_PATH],
            request_id=context.id,
        )
        raise
    except Exception as error:  # a bug is logged with its traceback, and the client gets no details
        return _problem(error, request, context)


def write_access_log(
    request: web.BaseRequest, context: RequestContext, write: AccessLog | None, status: int, size: int | None
) -> None:
    """Write the request's line of the access log; `size` is the size of the response's body in bytes."""
    if write is None:
        return
    write(
        {
            "method": request.method,
            "path": request.raw_path[:_MAX_LOGGED_PATH],
            "status": status,
            "bytes": size,
            "ms": round((time.perf_counter() - context.started) * 1_000, 2),
            "client": context.client,
            "request_id": context.id,
        }
    )


def _problem(error: Exception, request: web.BaseRequest, context: RequestContext) -> web.StreamResponse:
    fields: dict[str, Any] = {"request_id": context.id, "path": request.raw_path[:_MAX_LOGGED_PATH]}
    if request.writer.output_size > 0:
        # The status is already sent: reset the connection, so that the client sees an incomplete body.
        log.error("response cut off", error=str(error), exc_info=error, **fields)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("response cut off") from error
    response = failures.error_response(error, context.id)
    if response.status == 500:
        log.error("internal error", exc_info=error, **fields)
    elif response.status in (503, 507):
        log.warning("request refused", error=str(error), **fields)
    return response
