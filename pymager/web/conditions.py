"""Validators, conditional requests (RFC 9110 section 13) and ranges (section 14)."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Protocol

from multidict import CIMultiDictProxy

from pymager.web.failures import PreconditionFailed, RangeNotSatisfiable

_TAG = r'(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"'
_LONE = re.compile(rf"\s*{_TAG}\s*")
# A list may have empty elements (RFC 9110 section 5.6.1). One run of blanks only: two that meet take quadratic time.
_LISTED = re.compile(rf"[\s,]*{_TAG}\s*")
# Of so few digits that int() takes them: Python refuses over 4300.
_RANGE = re.compile(r"bytes\s*=\s*(?:([0-9]{1,99})-([0-9]{0,99})|-([0-9]{1,99}))\s*", re.ASCII | re.IGNORECASE)

Headers = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Validators:
    """What a representation is recognised by: an opaque unquoted tag, and when it was last modified (UTC)."""

    etag: str
    modified: datetime

    def headers(self) -> dict[str, str]:
        """`ETag` and `Last-Modified`."""
        return {"ETag": f'"{self.etag}"', "Last-Modified": handed_out(self.modified)}


class HasValidators(Protocol):
    """Anything with an opaque unquoted `etag` and a date of modification in UTC."""

    @property
    def etag(self) -> str: ...

    @property
    def modified(self) -> datetime: ...


def handed_out(modified: datetime) -> str:
    """`Last-Modified` as it is told: one second less in the first second of an object's life.

    HTTP's dates have no fractions: what is deleted and uploaded again within one second must not end in a 304.
    """
    # Also for one that is dated ahead: a Last-Modified is never later than Date (RFC 9110 section 8.8.2.1).
    return http_date(min(_stamp(modified), int(time.time()) - 1))


def is_not_modified(headers: Headers, validators: HasValidators) -> bool:
    """Whether a GET or HEAD is answered with 304. Raises `PreconditionFailed`.

    The order is that of RFC 9110 section 13.2.2.
    """
    if "If-Match" in headers:
        if not _matches(headers.getall("If-Match"), validators.etag, strong=True):
            raise PreconditionFailed("the picture is not the one that If-Match names")
    elif (date := headers.get("If-Unmodified-Since")) is not None:
        since = _parsed_date(date)
        if since is not None and validators.modified > since:
            raise PreconditionFailed("the picture was modified since the date in If-Unmodified-Since")
    if "If-None-Match" in headers:
        return _matches(headers.getall("If-None-Match"), validators.etag, strong=False)
    if (date := headers.get("If-Modified-Since")) is not None:
        since = _parsed_date(date)
        return since is not None and validators.modified <= since
    return False


def is_conditional(headers: Headers) -> bool:
    """Whether a PUT or DELETE depends on what stands."""
    return any(name in headers for name in ("If-Match", "If-Unmodified-Since", "If-None-Match"))


def check_before_writing(headers: Headers, etag: str | None, modified: datetime | None = None) -> None:
    """Hold a PUT or DELETE to its preconditions; `etag` is None where nothing stands, `modified` where it is not known.

    Raises `PreconditionFailed`. The order is that of RFC 9110 section 13.2.2.
    """
    if "If-Match" in headers:
        if etag is None or not _matches(headers.getall("If-Match"), etag, strong=True):
            raise PreconditionFailed("what stands there is not what If-Match names")
    elif modified is not None and (date := headers.get("If-Unmodified-Since")) is not None:
        since = _parsed_date(date)
        if since is not None and modified > since:
            raise PreconditionFailed("the original was modified since the date in If-Unmodified-Since")
    if (
        etag is not None
        and "If-None-Match" in headers
        and _matches(headers.getall("If-None-Match"), etag, strong=False)
    ):
        raise PreconditionFailed("there is an original already that If-None-Match excludes")


def asked_range(headers: Headers, size: int, validators: Validators) -> tuple[int, int] | None:
    """The bytes asked for as a slice, or None for all of them. Raises `RangeNotSatisfiable`.

    Several ranges, other units and what is malformed are answered with everything (RFC 9110 section 14.2).
    """
    value = headers.get("Range")
    if value is None or not _holds_if_range(headers.get("If-Range"), validators):
        return None
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
        if int(suffix) == 0:
            raise RangeNotSatisfiable(size)
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size:
        raise RangeNotSatisfiable(size)
    return start, stop


def _holds_if_range(value: str | None, validators: Validators) -> bool:
    """Strong comparison, or exactly the date that was handed out (RFC 9110 section 13.1.5)."""
    if value is None:
        return True
    if (tag := _LONE.fullmatch(value)) is not None:
        return tag[1] is None and tag[2] == validators.etag
    return _parsed_date(value) == validators.modified


def _matches(lines: list[str], etag: str, *, strong: bool) -> bool:
    value = ",".join(lines)
    if value.strip() == "*":
        return True
    position = 0
    while (tag := _LISTED.match(value, position)) is not None:
        if tag[2] == etag and not (strong and tag[1]):
            return True
        position = tag.end()
    return False


@lru_cache(maxsize=4096)
def _stamp(date: datetime) -> int:
    """Whole seconds since 1970."""
    return int(date.timestamp())


@lru_cache(maxsize=4096)
def http_date(stamp: int) -> str:
    """Seconds since 1970 as an HTTP date (RFC 9110 section 5.6.7)."""
    return format_datetime(datetime.fromtimestamp(stamp, UTC), usegmt=True)


@lru_cache(maxsize=4096)
def _parsed_date(text: str) -> datetime | None:
    """The three forms of RFC 9110 section 5.6.7; None for anything else."""
    if len(text) > 64:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
