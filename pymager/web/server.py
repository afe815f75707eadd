"""Serves the application on a socket, until a signal stops it."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiohttp import web

from pymager import composition
from pymager.composition import Components
from pymager.sandbox.confinement import Confinement
from pymager.settings import translation
from pymager.settings.model import Settings
from pymager.telemetry.context import RequestContext
from pymager.telemetry.shared_memory import SharedMetrics
from pymager.web.app import make_app
from pymager.web.app_keys import ACCESS, LIFECYCLE
from pymager.web.background import in_background
from pymager.web.clients import ClientResolver
from pymager.web.connections import Connection, ConnectionLimits, Shared, make_connection
from pymager.web.direct import DirectHandler
from pymager.web.hotpath import HotPath
from pymager.web.instrumentation import count_refused, instrument, updating_gauges
from pymager.web.listening import url_of
from pymager.web.memory import give_back_memory
from pymager.web.request_context import Contexts
from pymager.web.responder import Responder

_DRAIN_POLL_SECONDS = 0.05
_RUNNER_SHUTDOWN_SECONDS = 1.0

log = structlog.get_logger("pymager")


async def serve(
    settings: Settings,
    listener: socket.socket,
    users: dict[str, str],
    ready: Callable[[str], None],
    housekeeping: Callable[[Settings, Components], Coroutine[Any, Any, None]],
    shared_metrics: SharedMetrics | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then stop listening and give running requests `shutdown_timeout`.

    After SIGTERM, everything is served for another `drain_delay`, while `/readyz` is 503. SIGINT ends this delay.
    `ready` is called with the base URL once requests are served. `shared_metrics` holds the metrics, if there are any.
    """
    stop, skip_delay = _stop_signals()
    async with (
        composition.opened(settings, shared_metrics) as parts,
        running_server(settings, parts, users, listener) as server,
    ):
        url = url_of(listener)
        # These objects live as long as the process: without `freeze`, each full collection pauses the server for 50 ms.
        gc.collect()
        gc.freeze()
        _log_sandbox(settings, parts.workers.confinement)
        log.info("serving", url=url, **translation.backends_named(settings))
        ready(url)
        async with in_background(housekeeping(settings, parts)) as task:
            task.add_done_callback(_log_failure)
            await stop.wait()
            log.info(
                "stopping", drain_delay_seconds=settings.drain_delay, shutdown_timeout_seconds=settings.shutdown_timeout
            )
            await server.drain(skip_delay)
    log.info("stopped")


def _log_sandbox(settings: Settings, found: Confinement) -> None:
    if settings.sandbox == "auto" and not found.is_complete:
        log.warning("sandbox incomplete: this system lacks Landlock or seccomp", in_force=str(found))
    else:
        log.info("sandbox", in_force=str(found))


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that serves requests, with its connections.

    `drain` waits for `drain_delay` or for the event that it is given. During this delay everything is served, but
    connections are closed after each response, and `/readyz` is 503. Then it stops listening, and gives running
    requests `shutdown_timeout`.
    """

    manager: web.Server
    drain: Callable[[asyncio.Event], Awaitable[None]]


@asynccontextmanager
async def running_server(
    settings: Settings, parts: Components, users: Mapping[str, str], listener: socket.socket
) -> AsyncIterator[RunningServer]:
    """Serve requests inside of the context."""
    app = make_app(settings, parts, users)
    runner = web.AppRunner(app, shutdown_timeout=_RUNNER_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        manager = runner.server
        assert manager is not None
        clients = ClientResolver(settings.trusted_proxies, settings.forwarded_header)
        contexts = Contexts(clients, timed=parts.observer.timed)
        responder = Responder(app, manager.request_handler)
        direct = None
        if not app[ACCESS].is_required:  # the hot path does not check signatures and credentials
            hot = HotPath(app, responder, manager.request_factory)
            direct = DirectHandler(hot.match, contexts.new, instrument(hot, parts.observer))
        manager.request_factory = cast(Any, contexts.added_by(manager.request_factory))
        manager.request_handler = instrument(responder, parts.observer)

        def on_refused(context: RequestContext, size: int) -> None:
            responder.log_refused(context, 503, size)
            count_refused(parts.observer, 503)

        shared = Shared.of(_limits(settings), clients.of_connection, on_refused, direct)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(make_connection(manager, shared), sock=listener)

        async def drain(skip_delay: asyncio.Event) -> None:
            app[LIFECYCLE].draining = True
            with suppress(TimeoutError):
                await asyncio.wait_for(skip_delay.wait(), settings.drain_delay)
            log.info("stopped listening")
            server.close()
            await _close_connections(manager, settings.shutdown_timeout, settings.stall_timeout)

        async with updating_gauges(parts, manager), in_background(give_back_memory()):
            yield RunningServer(manager, drain)
        server.close()
        shared.lingering.close()
    finally:
        await runner.cleanup()


async def _close_connections(server: web.Server, seconds: float, linger_seconds: float) -> None:
    """Close idle connections, and wait for the others to become idle; those that linger, only for `linger_seconds`.

    aiohttp's own shutdown stops reading at once, which cuts off running uploads. Its `close` leaves idle connections
    open.
    """
    loop = asyncio.get_running_loop()
    deadline, linger_until = loop.time() + seconds, loop.time() + linger_seconds
    while server.connections and loop.time() < deadline:
        may_linger = loop.time() < linger_until
        for connection in cast("list[Connection]", server.connections):
            if connection.is_idle or (connection.is_lingering and not may_linger):
                connection.force_close()
        await asyncio.sleep(_DRAIN_POLL_SECONDS)


def _stop_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """An event that SIGTERM and SIGINT set, and one that only SIGINT sets: at a terminal there is no load balancer."""
    stop, skip_delay = asyncio.Event(), asyncio.Event()

    def interrupt() -> None:
        stop.set()
        skip_delay.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupt)
    return stop, skip_delay


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("housekeeping stopped", exc_info=error)


def _limits(settings: Settings) -> ConnectionLimits:
    return ConnectionLimits(
        settings.max_connections,
        settings.connections_per_client,
        settings.header_timeout,
        settings.stall_timeout,
        settings.min_rate,
        settings.keepalive_timeout,
        settings.max_body,
    )
