"""Requests and responses as values, without input or output."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from pymager_client.errors import ConnectionFailed, Problem
from pymager_client.sources import Source

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error's body is read. A problem document is far smaller."""


@dataclass(frozen=True)
class Upload:
    """The body of a request: the source's bytes, in the field `file` of a form or bare."""

    source: Source
    is_form: bool


@dataclass(frozen=True)
class Request:
    """A request. `path` is below the base URL, and `target` is the same with a signature, if there is one.

    Its `repr` has neither the credentials nor the signature.

    `is_idempotent` says that to send it twice has the effect of sending it once. `keeps_open` says that the body of a
    success is read later.
    """

    method: str
    path: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    upload: Upload | None = None
    is_idempotent: bool = True
    keeps_open: bool = False


@dataclass(frozen=True)
class Response:
    """A response: the names of `headers` are in lower case. `stream` is the open body, if the request keeps it open."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    stream: Any = None

    @property
    def is_success(self) -> bool:
        """Whether the status is a 2xx."""
        return self.status // 100 == 2

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError`."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Failure:
    """No complete response. `was_sent` is false if no byte of the request can have reached the server.

    `is_final` says that another attempt would fail in the same way.
    """

    error: ConnectionFailed
    was_sent: bool = True
    is_final: bool = False


def problem_of(response: Response) -> Problem:
    """What a response says about an error (RFC 9457 section 3.1); members of a wrong type count as absent."""
    content = _document(response)
    retry_after = retry_after_seconds(response.headers)
    return Problem(
        status=response.status,
        title=_text(content, "title") or _phrase(response.status),
        type=_text(content, "type") or "about:blank",
        detail=_text(content, "detail") or "",
        instance=_text(content, "instance"),
        request_id=_text(content, "request_id") or response.headers.get("x-request-id"),
        retry_after=retry_after,
    )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The wait that `Retry-After` asks for (RFC 9110 section 10.2.3); None if it is absent or malformed.

    A date is compared with the response's own `Date`, so that the clocks of client and server may differ.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        seconds = float(text)
        return seconds if math.isfinite(seconds) else None
    until = _date(text)
    if until is None:
        return None
    now = _date(headers.get("date", "")) or datetime.fromtimestamp(time.time(), timezone.utc)
    return max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=timezone.utc) if date.tzinfo is None else date


def _document(response: Response) -> Mapping[str, Any]:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in ("application/problem+json", "application/json"):
        return {}
    try:
        content = response.json()
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _text(content: Mapping[str, Any], name: str) -> str | None:
    value = content.get(name)
    return value if isinstance(value, str) else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"
