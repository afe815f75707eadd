"""Metrics of requests that end without a complete response."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from pymager.telemetry.context import RequestContext
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.web.instrumentation import CountingHandler
from pymager.web.request_context import CONTEXT
from tests.unit.telemetry.counted import above_zero


def unrouted() -> web.Request:
    request = make_mocked_request("GET", "/derived/cat-10x10.jpg")
    request._match_info = None
    request[CONTEXT] = RequestContext("1", "192.0.2.1", started=0.0)
    return request


async def counted(error: BaseException, request: web.Request) -> dict[tuple[str, ...], float]:
    shared = SharedMetrics()

    async def handler(request: web.Request) -> Any:
        raise error

    with pytest.raises(type(error)):
        await CountingHandler(handler, Metrics(shared))(request)
    return above_zero(shared, "pymager_requests_total")


async def test_a_request_canceled_before_routing_is_counted_and_stays_canceled() -> None:
    assert await counted(asyncio.CancelledError(), unrouted()) == {("/derived/{name}", "GET", "499"): 1}


async def test_a_response_that_the_server_cut_off_is_counted_as_a_500() -> None:
    error = ConnectionResetError("answer cut off")
    error.__cause__ = OSError("the disk")
    assert await counted(error, unrouted()) == {("/derived/{name}", "GET", "500"): 1}
