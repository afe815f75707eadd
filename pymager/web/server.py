"""Serves the application on a socket until it is told to stop."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
from aiohttp import web

from pymager import composition
from pymager.composition import Components
from pymager.errors import ConfigurationError
from pymager.settings.model import Settings
from pymager.telemetry.shared_memory import Board
from pymager.web.app import make_app
from pymager.web.app_keys import LIFECYCLE
from pymager.web.clients import Clients
from pymager.web.connections import ConnectionLimits, make_connection
from pymager.web.hotpath import HotPath
from pymager.web.instrumentation import gauges_kept, observed, refused
from pymager.web.request_context import with_context

_BACKLOG = 1_024
_STEP = 0.05

log = structlog.get_logger("pymager")


def listening_socket(settings: Settings) -> socket.socket:
    """A socket bound to the configured address. Raises `ConfigurationError`."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"PYMAGER_HOST, PYMAGER_PORT: can't listen on {settings.host}:{settings.port}: {reason}"
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL under which it is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    settings: Settings,
    listener: socket.socket,
    users: dict[str, str],
    ready: Callable[[str], None],
    housekeeping: Callable[[Settings, Components], Coroutine[Any, Any, None]],
    board: Board | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way within `shutdown_timeout`.

    Before that, SIGTERM only says by `/readyz` that it will stop, for `drain_delay`; SIGINT ends this delay.
    `ready` is called with the base URL once requests are answered. With a `board`, what happens is counted on it.
    """
    stop, hurry = _stop_signals()
    async with composition.opened(settings, board) as parts, answering(settings, parts, users, listener) as drain:
        url = url_of(listener)
        # What is there by now stays: looking through it for garbage would hold everything up for 50 ms, time and again.
        gc.collect()
        gc.freeze()
        log.info("serving", url=url, **composition.backends_named(settings))
        ready(url)
        async with _in_background(housekeeping(settings, parts)):
            await stop.wait()
            log.info("stopping", delay=settings.drain_delay, seconds=settings.shutdown_timeout)
            await drain(hurry)
    log.info("stopped")


@asynccontextmanager
async def answering(
    settings: Settings, parts: Components, users: Mapping[str, str], listener: socket.socket
) -> AsyncIterator[Callable[[asyncio.Event], Awaitable[None]]]:
    """Answer requests while inside; gives what ends that: no new ones, and `shutdown_timeout` for those under way.

    It lets `drain_delay` go by first, unless the event is set that it is given. During the delay everything is served,
    but no connection is kept, and `/readyz` says that others should be asked.
    """
    app = make_app(settings, parts, users)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    try:
        manager = runner.server
        assert manager is not None
        clients = Clients(settings.trusted_proxies, settings.forwarded_header)
        factory: Any = with_context(manager.request_factory, clients, timed=parts.observer.timed)
        manager.request_factory = factory
        hot: Any = HotPath(app, manager.request_handler)
        manager.request_handler = observed(hot, parts.observer)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            make_connection(manager, _limits(settings), refused(parts.observer)), sock=listener
        )

        async def drain(hurry: asyncio.Event) -> None:
            app[LIFECYCLE].draining = True
            with suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), settings.drain_delay)
            log.info("not listening any more")
            server.close()
            await _drained(manager, settings.shutdown_timeout)

        async with gauges_kept(parts, manager):
            yield drain
        server.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _drained(server: web.Server, seconds: float) -> None:
    """Close what is idle, and wait for the rest.

    aiohttp's own shutdown would stop reading at once, and cut off the uploads that are under way. Its `close` leaves a
    connection that waits for a request open.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while server.connections and loop.time() < end:
        for connection in server.connections:
            if getattr(connection, "is_idle", True):
                connection.force_close()
        await asyncio.sleep(_STEP)


def _stop_signals() -> tuple[asyncio.Event, asyncio.Event]:
    """What is set by SIGTERM and SIGINT, and what is set by SIGINT alone: a person at a terminal needs no delay."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def stop_soon() -> None:
        stop.set()
        hurry.set()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, stop_soon)
    return stop, hurry


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("housekeeping stopped", exc_info=error)


def _limits(settings: Settings) -> ConnectionLimits:
    return ConnectionLimits(
        settings.max_connections,
        settings.header_timeout,
        settings.stall_timeout,
        settings.min_rate,
        settings.keepalive_timeout,
    )
