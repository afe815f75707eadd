"""Metrics and traces of requests, and the gauges of a server process."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web

from pymager.composition import Components
from pymager.telemetry import process_memory
from pymager.telemetry.families import (
    CACHE_BYTES,
    CONNECTIONS,
    JOBS_QUEUED,
    LANE_JOBS,
    MEMORY,
    REQUEST_BYTES,
    REQUEST_SECONDS,
    REQUESTS,
    RESPONSE_BYTES,
    SHARED_CACHE_OPEN_CIRCUITS,
    SPOOL_BYTES,
    WORKERS,
)
from pymager.telemetry.metrics import Histogram, Metrics, Value
from pymager.telemetry.observer import Observer
from pymager.variants.signatures import without_signature
from pymager.web.background import in_background
from pymager.web.direct import DirectRequest
from pymager.web.hotpath import ROUTE, WrittenResponse, is_plain
from pymager.web.request_context import context_of
from pymager.web.responder import CLIENT_DISCONNECTED, canceled_status
from pymager.workers.queue import JobKind

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))
_STATUSES = {status.value: str(status.value) for status in HTTPStatus} | {CLIENT_DISCONNECTED: str(CLIENT_DISCONNECTED)}
_STATUSES_WITHOUT_BODY = (204, 304, CLIENT_DISCONNECTED)
_UPDATE_INTERVAL_SECONDS = 1.0
_UPDATES_PER_MEMORY_UPDATE = 10
_MAX_PATH_CHARACTERS = 1_024
_MAX_USER_AGENT_CHARACTERS = 256

Handler = Callable[[Any], Awaitable[Any]]
_Request = web.Request | DirectRequest


def instrument(handler: Handler, observer: Observer) -> Handler:
    """Wrap the handler with the instrumentation that is on: traces, metrics, both or neither."""
    if observer.tracer is not None:
        handler = TracingHandler(handler, observer)
    return handler if observer.metrics is None else CountingHandler(handler, observer.metrics)


def count_refused(observer: Observer, status: int) -> None:
    """Count a connection that was refused before it sent a request."""
    observer.count(REQUESTS, "unmatched", "other", _STATUSES.get(status, "other"))


class RequestLabels(NamedTuple):
    """The labels of a request. Each has few values, whatever clients send."""

    route: str
    method: str
    status: int
    tier: str


def request_labels(request: _Request, status: int) -> RequestLabels:
    """The labels of a request that got a response with this status."""
    method = request.method if request.method in _METHODS else "other"
    return RequestLabels(_route(request), method, status, context_of(request).tier)


def _route(request: _Request) -> str:
    if isinstance(request, DirectRequest):
        return ROUTE
    if request._match_info is None:  # not routed: an invalid request
        return ROUTE if is_plain(request) else "unmatched"
    resource = request._match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def failure_status(request: _Request, error: BaseException) -> int:
    """The status that is counted for a request without a response: it was canceled, or there is a bug."""
    return canceled_status(request) if isinstance(error, asyncio.CancelledError) else 500


class _Series(NamedTuple):
    requests: Value
    seconds: Histogram
    received: Value
    sent: Value


class CountingHandler:
    """Counts requests, their durations and their bytes."""

    def __init__(self, handler: Handler, metrics: Metrics) -> None:
        self._handler = handler
        self._metrics = metrics
        self._series: dict[RequestLabels, _Series] = {}
        self._hits: dict[tuple[int, str], _Series] = {}

    async def __call__(self, request: _Request) -> Any:
        started = time.perf_counter()
        try:
            response = await self._handler(request)
        except BaseException as error:
            self._count(request, None, failure_status(request, error), time.perf_counter() - started)
            raise
        seconds = time.perf_counter() - started
        if type(response) is WrittenResponse:
            series = self._hits.get((response.status, response.tier)) or self._hit_series(response)
            series.requests.add()
            series.seconds.add(seconds)
            series.sent.add(response.size)
        else:
            self._count(request, response, response.status, seconds)
        return response

    def _hit_series(self, response: WrittenResponse) -> _Series:
        series = self._hits[response.status, response.tier] = self._series_of(
            RequestLabels(ROUTE, "GET", response.status, response.tier)
        )
        return series

    def _count(self, request: _Request, response: Any, status: int, seconds: float) -> None:
        labels = request_labels(request, status)
        series = self._series.get(labels) or self._series_of(labels)
        series.requests.add()
        series.seconds.add(seconds)
        series.received.add(request.content.total_bytes)
        if response is not None and request.method != "HEAD" and status not in _STATUSES_WITHOUT_BODY:
            series.sent.add(response.content_length or 0)

    def _series_of(self, labels: RequestLabels) -> _Series:
        count = self._metrics.value
        series = self._series[labels] = _Series(
            count(REQUESTS, labels.route, labels.method, _STATUSES.get(labels.status, "other")),
            self._metrics.histogram(REQUEST_SECONDS, labels.route, labels.tier),
            count(REQUEST_BYTES, labels.route),
            count(RESPONSE_BYTES, labels.route),
        )
        return series


class TracingHandler:
    """Makes a span of each request, in the trace that its headers name, with OpenTelemetry's semantic conventions."""

    def __init__(self, handler: Handler, observer: Observer) -> None:
        assert observer.tracer is not None
        self._handler = handler
        self._tracer = observer.tracer

    async def __call__(self, request: _Request) -> Any:
        method = request.method if request.method in _METHODS else "_OTHER"
        span = self._tracer.request(request.headers, method, _attributes(request, method))
        try:
            response = await self._handler(request)
        except BaseException as error:
            span.end(error, failed=failure_status(request, error) >= 500)
            raise
        labels = request_labels(request, response.status)
        span.rename(f"{method} {labels.route}")
        span.set("http.route", labels.route)
        span.set("http.response.status_code", labels.status)
        span.set("pymager.tier", labels.tier)
        span.end(failed=labels.status >= 500)
        return response


def _attributes(request: _Request, method: str) -> dict[str, str]:
    attributes = {
        "http.request.method": method,
        "url.scheme": request.scheme,
        "url.path": without_signature(request.raw_path.partition("?")[0])[:_MAX_PATH_CHARACTERS],
        "user_agent.original": request.headers.get("User-Agent", "")[:_MAX_USER_AGENT_CHARACTERS],
    }
    return {name: value.encode(errors="replace").decode() for name, value in attributes.items() if value}


@asynccontextmanager
async def updating_gauges(parts: Components, server: web.Server) -> AsyncIterator[None]:
    """Update the gauges inside of the context: every second, and the memory gauges every ten seconds."""
    metrics = parts.observer.metrics
    if metrics is None:
        yield
        return
    async with in_background(_update_gauges(metrics, parts, server)):
        yield


async def _update_gauges(metrics: Metrics, parts: Components, server: web.Server) -> None:
    updates = 0
    while True:
        state = parts.workers.state
        metrics.value(CONNECTIONS).set(len(server.connections))
        metrics.value(CACHE_BYTES).set(parts.library.cache.used)
        if parts.shared is not None:
            metrics.value(SHARED_CACHE_OPEN_CIRCUITS).set(parts.shared.open_circuits)
        metrics.value(SPOOL_BYTES, "reserved").set(parts.quota.reserved)
        metrics.value(SPOOL_BYTES, "limit").set(parts.quota.limit)
        metrics.value(JOBS_QUEUED, JobKind.RENDER.label).set(state.renders)
        metrics.value(JOBS_QUEUED, JobKind.ANIMATION.label).set(state.animations)
        metrics.value(JOBS_QUEUED, JobKind.INSPECTION.label).set(state.inspections)
        for lane, (waiting, running) in state.lanes.items():
            metrics.value(LANE_JOBS, lane.value, "waiting").set(waiting)
            metrics.value(LANE_JOBS, lane.value, "running").set(running)
        starting = max(0, state.size - state.idle - state.busy)
        for name, number in (("idle", state.idle), ("busy", state.busy), ("starting", starting)):
            metrics.value(WORKERS, name).set(number)
        if updates % _UPDATES_PER_MEMORY_UPDATE == 0:
            # In a thread: the kernel walks all pages of the process, which takes milliseconds.
            template = () if state.template is None else (state.template,)
            own, workers = await asyncio.to_thread(_memory_sizes, (*state.pids, *template))
            for process, sizes in (("server", own), ("worker", workers)):
                for kind, size in sizes.items():
                    metrics.value(MEMORY, process, kind).set(size)
        updates += 1
        await asyncio.sleep(_UPDATE_INTERVAL_SECONDS)


def _memory_sizes(workers: Iterable[int]) -> tuple[dict[str, int], dict[str, int]]:
    return process_memory.own(), process_memory.of(workers)
