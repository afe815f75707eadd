"""Goes around every request where something is observed: counts it, traces it, or takes its time for its client."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web

from pymager.composition import Components
from pymager.telemetry import process_memory
from pymager.telemetry.families import (
    CACHE_BYTES,
    CONNECTIONS,
    JOBS_QUEUED,
    MEMORY,
    REQUEST_BYTES,
    REQUEST_SECONDS,
    REQUESTS,
    RESPONSE_BYTES,
    WORKERS,
)
from pymager.telemetry.metrics import Count, Metrics, Spread
from pymager.telemetry.observer import Observer
from pymager.web.hotpath import ROUTE, WrittenResponse
from pymager.web.request_context import CONTEXT
from pymager.workers.queue import JobKind

LEFT = 499  # the client has left before its answer; nginx calls it so too
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))
_STATUSES = {status.value: str(status.value) for status in HTTPStatus} | {LEFT: str(LEFT)}
_NO_BODY = (204, 304, LEFT)
_PAUSE = 1.0
_MEMORY_EVERY = 10

Handler = Callable[[Any], Awaitable[Any]]


def observed(handler: Handler, observer: Observer) -> Handler:
    """The handler with what is to be seen of it."""
    if observer.tracer is not None:
        handler = Traced(handler, observer)
    return handler if observer.metrics is None else Counted(handler, observer.metrics)


def refused(observer: Observer) -> Callable[[int], None]:
    """Counts what was no HTTP, or came over one connection too many: answered before any handler saw it."""
    return lambda status: observer.count(REQUESTS, "unmatched", "other", _STATUSES.get(status, "other"))


class Seen(NamedTuple):
    """A request as it is counted: by names of which there are few, whatever strangers send."""

    route: str
    method: str
    status: int
    tier: str


def seen(request: web.Request, answer: Any, status: int) -> Seen:
    """What was asked, and how it was answered."""
    if type(answer) is WrittenResponse:
        return Seen(ROUTE, "GET", status, answer.tier)
    method = request.method if request.method in _METHODS else "other"
    return Seen(_route(request), method, status, request[CONTEXT].tier)


def _route(request: web.Request) -> str:
    if request._match_info is None:  # it was given up in the hot path, before any routing
        return ROUTE
    resource = request._match_info.route.resource
    return "unmatched" if resource is None else resource.canonical


def outcome(error: BaseException) -> int:
    """The status that stands for an answer that was never whole: a server's error if one was its cause."""
    return LEFT if error.__cause__ is None else 500


class _Row(NamedTuple):
    requests: Count
    seconds: Spread
    received: Count
    sent: Count


class Counted:
    """Counts requests, their times and their bytes."""

    def __init__(self, handler: Handler, metrics: Metrics) -> None:
        self._handler = handler
        self._metrics = metrics
        self._rows: dict[Seen, _Row] = {}
        self._hits: dict[tuple[int, str], _Row] = {}

    async def __call__(self, request: web.Request) -> Any:
        started = time.perf_counter()
        try:
            answer = await self._handler(request)
        except BaseException as error:
            self._count(request, None, outcome(error), time.perf_counter() - started)
            raise
        seconds = time.perf_counter() - started
        if type(answer) is WrittenResponse:
            row = self._hits.get((answer.status, answer.tier)) or self._hit(answer)
            row.requests.add()
            row.seconds.add(seconds)
            row.sent.add(answer.size)
        else:
            self._count(request, answer, answer.status, seconds)
        return answer

    def _hit(self, answer: WrittenResponse) -> _Row:
        row = self._hits[answer.status, answer.tier] = self._row(Seen(ROUTE, "GET", answer.status, answer.tier))
        return row

    def _count(self, request: web.Request, answer: Any, status: int, seconds: float) -> None:
        what = seen(request, answer, status)
        row = self._rows.get(what) or self._row(what)
        row.requests.add()
        row.seconds.add(seconds)
        row.received.add(request.content.total_bytes)
        if answer is not None and request.method != "HEAD" and status not in _NO_BODY:
            row.sent.add(answer.content_length or 0)

    def _row(self, what: Seen) -> _Row:
        count = self._metrics.count
        row = self._rows[what] = _Row(
            count(REQUESTS, what.route, what.method, _STATUSES.get(what.status, "other")),
            self._metrics.spread(REQUEST_SECONDS, what.route, what.tier),
            count(REQUEST_BYTES, what.route),
            count(RESPONSE_BYTES, what.route),
        )
        return row


class Traced:
    """Makes the span of a request, in the trace that the client's headers name; its names are OpenTelemetry's."""

    def __init__(self, handler: Handler, observer: Observer) -> None:
        assert observer.tracer is not None
        self._handler = handler
        self._tracer = observer.tracer

    async def __call__(self, request: web.Request) -> Any:
        method = request.method if request.method in _METHODS else "_OTHER"
        span = self._tracer.request(request.headers, method, _attributes(request, method))
        try:
            answer = await self._handler(request)
        except BaseException as error:
            span.end(error, failed=True)
            raise
        what = seen(request, answer, answer.status)
        span.rename(f"{method} {what.route}")
        span.set("http.route", what.route)
        span.set("http.response.status_code", what.status)
        span.set("pymager.tier", what.tier)
        span.end(failed=what.status >= 500)
        return answer


def _attributes(request: web.Request, method: str) -> dict[str, str]:
    known = {
        "http.request.method": method,
        "url.scheme": request.scheme,
        "url.path": request.raw_path.partition("?")[0][:1_024],
        "user_agent.original": request.headers.get("User-Agent", "")[:256],
    }
    return {name: value.encode(errors="replace").decode() for name, value in known.items() if value}


@asynccontextmanager
async def gauges_kept(parts: Components, server: web.Server) -> AsyncIterator[None]:
    """While inside, what is measured and not counted is measured every second; memory every ten."""
    metrics = parts.observer.metrics
    if metrics is None:
        yield
        return
    task = asyncio.create_task(_measure(metrics, parts, server))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _measure(metrics: Metrics, parts: Components, server: web.Server) -> None:
    turn = 0
    while True:
        state = parts.workers.state
        metrics.count(CONNECTIONS).set(len(server.connections))
        metrics.count(CACHE_BYTES).set(parts.library.cache.used)
        metrics.count(JOBS_QUEUED, JobKind.RENDER.name.lower()).set(state.renders)
        metrics.count(JOBS_QUEUED, JobKind.INSPECTION.name.lower()).set(state.inspections)
        starting = max(0, state.size - state.idle - state.busy)
        for name, number in (("idle", state.idle), ("busy", state.busy), ("starting", starting)):
            metrics.count(WORKERS, name).set(number)
        if turn % _MEMORY_EVERY == 0:
            # In a thread: the kernel walks all pages for it, which takes milliseconds.
            own, workers = await asyncio.to_thread(_footprints, state.pids)
            for process, sizes in (("server", own), ("worker", workers)):
                for kind, size in sizes.items():
                    metrics.count(MEMORY, process, kind).set(size)
        turn += 1
        await asyncio.sleep(_PAUSE)


def _footprints(workers: Iterable[int]) -> tuple[dict[str, int], dict[str, int]]:
    return process_memory.own(), process_memory.of(workers)
