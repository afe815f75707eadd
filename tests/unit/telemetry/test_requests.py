"""Metrics of requests that end without a complete response."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from pymager.telemetry.context import RequestContext
from pymager.telemetry.metrics import Metrics
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.web.connections import Connection
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


class Left(Connection):
    """The connection of a client that has left."""

    __slots__ = ()

    def __init__(self) -> None:
        self.client_has_left = True


async def test_a_request_that_is_canceled_because_its_client_left_is_a_499_and_stays_canceled() -> None:
    request = unrouted()
    request._protocol = Left()
    assert await counted(asyncio.CancelledError(), request) == {("/derived/{name}", "GET", "499"): 1}


async def test_a_request_that_is_canceled_because_the_server_stops_is_a_503() -> None:
    assert await counted(asyncio.CancelledError(), unrouted()) == {("/derived/{name}", "GET", "503"): 1}


async def test_an_error_that_no_handler_caught_is_a_500() -> None:
    assert await counted(ConnectionResetError(), unrouted()) == {("/derived/{name}", "GET", "500"): 1}
