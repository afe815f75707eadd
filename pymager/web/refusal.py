"""The response on a connection for which there is no room."""

import asyncio
import time

from pymager.telemetry.context import RequestContext
from pymager.web import failures, headers
from pymager.web.conditions import http_date
from pymager.web.request_context import new_request_id

_TOO_MANY_CONNECTIONS = "Too many open connections. Try again later."
_RETRY_AFTER_SECONDS = "1"


def write_refusal(transport: asyncio.Transport, address: str) -> tuple[RequestContext, int]:
    """Send a 503 before the client has sent a request. Returns a context for the log, and the size of the body."""
    context = RequestContext(new_request_id(), address, time.perf_counter())
    body = failures.problem_document(503, _TOO_MANY_CONNECTIONS, context.id)
    fields = {
        **failures.PROBLEM_HEADERS,
        "Connection": "close",
        "Content-Length": str(len(body)),
        "Date": http_date(int(time.time())),
        "Retry-After": _RETRY_AFTER_SECONDS,
        **headers.response_headers(context),
    }
    transport.write(f"HTTP/1.1 503 Service Unavailable\r\n{headers.serialize(fields)}\r\n".encode() + body)
    return context, len(body)
