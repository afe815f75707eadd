"""What goes around every request: an id, a log line, errors as problem documents."""

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from pymager.errors import PymagerError
from pymager.telemetry.caller import CALLER
from pymager.telemetry.context import REQUEST
from pymager.telemetry.timings import TIMINGS
from pymager.web import failures
from pymager.web.app_keys import ACCESS_LOG, CLIENTS, LIFECYCLE, TIER, UNTOLD
from pymager.web.bodies import WAS_TOLD
from pymager.web.clients import Clients, share_of
from pymager.web.connections import Connection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REQUEST_ID = web.RequestKey("request_id", str)
_PROCESS = secrets.token_hex(5)
_COUNTER = itertools.count(1)
_WELL_FORMED = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

log = structlog.get_logger("pymager.web")


@web.middleware
async def edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever happens, and write one line about it, unless it is a probe's that found all well."""
    started = time.perf_counter()
    clients = request.app[CLIENTS]
    CALLER.set(share_of(clients.address(request)))
    request_id = identified(request)
    response = await _answered(request, handler, request_id)
    keeps_its_body = "Expect" in request.headers and not request.get(WAS_TOLD) and response.status >= 400
    if not response.prepared and (keeps_its_body or request.app[LIFECYCLE].draining):
        response.force_close()
    if (keeps_its_body or response.status == 408) and isinstance(request.protocol, Connection):
        request.protocol.expect_no_more()
    if response.status != 200 or request.path not in request.app[UNTOLD]:
        tell(request, clients, request.app[ACCESS_LOG], response.status, response.content_length, started, request_id)
    REQUEST.set("")  # what the connection does from here on is not on its behalf
    return response


def tell(
    request: web.BaseRequest,
    clients: Clients,
    write: Callable[[dict[str, Any]], None] | None,
    status: int,
    size: int | None,
    started: float,
    request_id: str,
) -> None:
    """Write the one line of a request; `size` in bytes, `started` by the performance counter."""
    if write is None:
        return
    write(
        {
            "method": request.method,
            "path": request.raw_path[:1_024],
            "status": status,
            "bytes": size,
            "ms": round((time.perf_counter() - started) * 1_000, 2),
            "client": clients.address(request),
            "request_id": request_id,
        }
    )


async def sign(request: web.Request, response: web.StreamResponse) -> None:
    """Put the request's id on every answer, and say no more of the program than its name."""
    if response.status >= 400:
        response.headers.setdefault("Cache-Control", "no-store")  # aiohttp's own 417 comes by no other way
    response.headers["X-Request-ID"] = request.get(REQUEST_ID, "")
    response.headers["Server"] = "pymager"
    if TIER in request and (timings := TIMINGS.get()) is not None:
        response.headers["Server-Timing"] = timings.header(request[TIER])


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return failures.from_http(error, request_id)
    except ConnectionError:
        log.info("client left", method=request.method, path=request.raw_path[:1_024], request_id=request_id)
        raise
    except PymagerError as error:
        return _told(error, request, request_id)
    except Exception as error:  # a bug: nothing of it is told, all of it is logged
        return _told(error, request, request_id)


def _told(error: Exception, request: web.Request, request_id: str) -> web.StreamResponse:
    about: dict[str, Any] = {"request_id": request_id, "path": request.raw_path[:1_024]}
    if request.writer.output_size > 0:
        # The head is out already: a body cut short has to look like one.
        log.error("answer cut off", error=str(error), exc_info=error, **about)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("answer cut off") from error
    response = failures.response(error, request_id)
    if response.status == 500:
        log.error("internal error", exc_info=error, **about)
    elif response.status in (503, 507):
        log.warning("refused", error=str(error), **about)
    return response


def identified(request: web.Request) -> str:
    """The request's id, which from here on every line of the log carries; the hot path may have given it one."""
    request_id = request.get(REQUEST_ID) or request_id_of(request)
    request[REQUEST_ID] = request_id
    REQUEST.set(request_id)
    return request_id


def request_id_of(request: web.BaseRequest) -> str:
    """The client's `X-Request-ID` where it is well-formed, or a new one."""
    given = request.headers.get("X-Request-ID")
    return given if given is not None and _WELL_FORMED.fullmatch(given) else f"{_PROCESS}{next(_COUNTER):08x}"
