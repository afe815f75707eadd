"""The log: text for people on a terminal, otherwise one JSON object per line. Secrets are never logged."""

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import orjson
import structlog

from pymager.telemetry.context import CURRENT

TraceIds = Callable[[], dict[str, str]]
"""Returns the `trace_id` and `span_id` of the current span, or nothing."""


def configure(level: str, style: str, ids: TraceIds | None = None) -> None:
    """Set up logging for the process; `style` is `console`, `json` or `auto`.

    A line that is written while a request is handled has its `request_id`, and the trace ids that `ids` returns.
    """
    number = getattr(logging, level.upper())
    console = is_for_people(style)
    timestamp = structlog.processors.TimeStamper("%H:%M:%S" if console else "iso", utc=not console)
    shared: list[Any] = [structlog.processors.add_log_level, timestamp, _add_request_fields(ids)]
    if console:
        structlog.configure(
            processors=[
                *shared,
                structlog.dev.ConsoleRenderer(pad_event_to=12, exception_formatter=structlog.dev.plain_traceback),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(number),
            logger_factory=structlog.PrintLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[*shared, structlog.processors.format_exc_info, _rendered],
            wrapper_class=structlog.make_filtering_bound_logger(number),
            logger_factory=structlog.BytesLoggerFactory(cast(BinaryIO, _StandardError())),
            cache_logger_on_first_use=True,
        )
    logging.basicConfig(handlers=[_LibraryLogs()], level=max(number, logging.WARNING), force=True)


def access_log(level: str, style: str, ids: TraceIds | None = None) -> Callable[[dict[str, Any]], None] | None:
    """A function that writes the line of a request; None if requests are not logged.

    JSON lines bypass structlog, which would cost more than the rest of a hit from memory.
    """
    if getattr(logging, level.upper()) > logging.INFO:
        return None
    if is_for_people(style):
        log = structlog.get_logger("pymager.access")
        return lambda line: log.info("request", **line)

    def write(line: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if ids is not None:
            line |= ids()
        with suppress(OSError):
            os.write(2, _json({"timestamp": now, "level": "info", "event": "request", **line}) + b"\n")

    return write


def is_for_people(style: str) -> bool:
    """Whether logs go to a person's terminal."""
    return style == "console" or (style == "auto" and sys.stderr.isatty())


def _rendered(logger: Any, name: str, event: Any) -> bytes:
    return _json(event)


def _json(event: Any) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # text that is not UTF-8, such as a file's name, or a number of more than 64 bits
        return json.dumps(event, default=str).encode()


class _StandardError:
    """Standard error. If its reader is gone, the service continues without a log."""

    def write(self, line: bytes) -> None:
        with suppress(OSError):
            sys.stderr.buffer.write(line)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.buffer.flush()


class _LibraryLogs(logging.Handler):
    """Sends the log records of libraries to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        level = min(record.levelno, logging.CRITICAL) // 10 * 10  # structlog knows only the levels with names
        log.log(level, record.getMessage(), logger=record.name, **({"exc_info": exc_info} if exc_info else {}))


def _add_request_fields(ids: TraceIds | None) -> Callable[[Any, str, Any], Any]:
    """A structlog processor that adds the request's id and the trace ids to every line of the log."""

    def add(logger: Any, method: str, event: Any) -> Any:
        if (context := CURRENT.get()) is not None:
            event.setdefault("request_id", context.id)
        if ids is not None:
            for name, value in ids().items():
                event.setdefault(name, value)
        return event

    return add
