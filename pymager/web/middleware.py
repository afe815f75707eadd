"""What goes around every handler: errors become problem documents, and each request is one line of the access log."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from pymager.errors import PymagerError
from pymager.telemetry.context import RequestContext
from pymager.web import failures, headers
from pymager.web.app_keys import ACCESS_LOG, LIFECYCLE, QUIET_PATHS
from pymager.web.connections import Connection
from pymager.web.failures import ReadOnly
from pymager.web.request_context import CONTEXT, leave

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
AccessLog = Callable[[dict[str, Any]], None]

_MAX_LOGGED_PATH = 1_024
_WRITE_METHODS = frozenset({"POST", "PUT", "DELETE"})

log = structlog.get_logger("pymager.web")


@web.middleware
async def answer_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever happens, and log it, except for probes that succeed."""
    context = request[CONTEXT]
    response: web.StreamResponse = await answer(request, handler)
    body_not_sent = "Expect" in request.headers and not context.sent_continue and response.status >= 400
    if not response.prepared and (body_not_sent or request.app[LIFECYCLE].draining):
        response.force_close()
    if (body_not_sent or response.status == 408) and isinstance(request.protocol, Connection):
        request.protocol.stop_lingering()
    if response.status != 200 or request.path not in request.app[QUIET_PATHS]:
        write_access_log(request, context, request.app[ACCESS_LOG], response.status, response.content_length)
    leave()
    return response


@web.middleware
async def refuse_writes(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read-only mode. Raises `ReadOnly` for a write; a method that the URL does not support stays 405."""
    if request.method in _WRITE_METHODS and request.match_info.http_exception is None:
        raise ReadOnly("the service is read-only: it serves pictures, but refuses uploads and deletes; try again later")
    return await handler(request)


async def set_response_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set what every response has. For aiohttp's signal `on_response_prepare`."""
    if response.status >= 400:
        response.headers.setdefault("Cache-Control", "no-store")  # aiohttp's own 417 passes no middleware
    for name, value in headers.of_response(request[CONTEXT]).items():
        response.headers[name] = value


async def answer(request: web.BaseRequest, handler: Callable[[Any], Awaitable[Any]]) -> Any:
    """What the handler answers, or a problem document for what it raises."""
    context = request[CONTEXT]
    try:
        return await handler(request)
    except web.HTTPException as error:
        return failures.from_http(error, context.id)
    except ConnectionError:
        log.info("client left", method=request.method, path=request.raw_path[:_MAX_LOGGED_PATH], request_id=context.id)
        raise
    except PymagerError as error:
        return _problem(error, request, context)
    except Exception as error:  # a bug: the client learns nothing of it, and all of it is logged
        return _problem(error, request, context)


def write_access_log(
    request: web.BaseRequest, context: RequestContext, write: AccessLog | None, status: int, size: int | None
) -> None:
    """Write the one line of a request; `size` is the body's, in bytes."""
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
    about: dict[str, Any] = {"request_id": context.id, "path": request.raw_path[:_MAX_LOGGED_PATH]}
    if request.writer.output_size > 0:
        # The head is out already: a body that was cut short has to look like one.
        log.error("response cut off", error=str(error), exc_info=error, **about)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("response cut off") from error
    response = failures.response(error, context.id)
    if response.status == 500:
        log.error("internal error", exc_info=error, **about)
    elif response.status in (503, 507):
        log.warning("request refused", error=str(error), **about)
    return response
