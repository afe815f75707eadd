"""Validators and conditional requests (RFC 9110 sections 8.8 and 13). Ranges are in `pymager.web.ranges`."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Protocol

from multidict import CIMultiDictProxy

from pymager.web.failures import PreconditionFailed

_CACHED_DATES = 4_096
_MAX_DATE_CHARACTERS = 64
_TAG_PATTERN = r'(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"'
_SINGLE_TAG = re.compile(rf"\s*{_TAG_PATTERN}\s*")
# A list can have empty elements (RFC 9110 section 5.6.1). Two adjacent runs of blanks would take quadratic time.
_NEXT_TAG = re.compile(rf"[\s,]*{_TAG_PATTERN}\s*")

Headers = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators of a representation (RFC 9110 section 8.8): an opaque unquoted tag, and a date in UTC.

    Without a date, conditions by date are ignored (RFC 9110 sections 13.1.3 and 13.1.4).
    """

    etag: str
    modified: datetime | None


class HasValidators(Protocol):
    """Anything with an opaque unquoted `etag` and a date of modification in UTC or None, such as `BlobInfo`."""

    @property
    def etag(self) -> str: ...

    @property
    def modified(self) -> datetime | None: ...


class LastModified:
    """Makes the header `Last-Modified`: the exact date, from the first response on.

    For a second or two it is later than `Date` if the picture replaced another one a moment ago. RFC 9110 section
    8.8.2.1 asks for the earlier of the two, but the date would then change, and a client that sent it back would be
    told that the picture was modified since.

    If the picture was modified before `exact_from`, a response has no date until the second of the modification is
    over: replicas of version 0.1.0 can write another content in the same second.
    """

    def __init__(self, exact_from: datetime) -> None:
        self._exact_from = exact_from

    def value(self, modified: datetime) -> str | None:
        """The value of the header, or None if the response has none."""
        seconds = _epoch_seconds(modified)
        if modified < self._exact_from and time.time() < seconds + 1:
            return None
        return http_date(seconds)


def is_not_modified(headers: Headers, validators: HasValidators) -> bool:
    """Whether the response to a GET or HEAD is 304. Raises `PreconditionFailed`.

    Evaluated in the order of RFC 9110 section 13.2.2.
    """
    if "If-Match" in headers:
        if not _matches(headers.getall("If-Match"), validators.etag, strong=True):
            raise PreconditionFailed("If-Match does not match the current ETag")
    elif (date := headers.get("If-Unmodified-Since")) is not None:
        since = _parse_date(date)
        if since is not None and validators.modified is not None and validators.modified > since:
            raise PreconditionFailed("the picture was modified after the date in If-Unmodified-Since")
    if "If-None-Match" in headers:
        return _matches(headers.getall("If-None-Match"), validators.etag, strong=False)
    if (date := headers.get("If-Modified-Since")) is not None:
        since = _parse_date(date)
        modified = validators.modified
        return since is not None and modified is not None and _is_unmodified(modified, since)
    return False


def is_conditional_write(headers: Headers) -> bool:
    """Whether a PUT or DELETE depends on the current original."""
    return any(name in headers for name in ("If-Match", "If-Unmodified-Since", "If-None-Match"))


def check_write_preconditions(headers: Headers, current: HasValidators | None) -> None:
    """Check the preconditions of a PUT or DELETE; `current` is None if there is no original.

    Raises `PreconditionFailed`. Evaluated in the order of RFC 9110 section 13.2.2.
    """
    if "If-Match" in headers:
        if current is None:
            raise PreconditionFailed("If-Match: there is no original with this id")
        if not _matches(headers.getall("If-Match"), current.etag, strong=True):
            raise PreconditionFailed("If-Match does not match the current ETag")
    elif current is not None and (date := headers.get("If-Unmodified-Since")) is not None:
        since = _parse_date(date)
        if since is not None and current.modified is not None and current.modified > since:
            raise PreconditionFailed("the picture was modified after the date in If-Unmodified-Since")
    if (
        current is not None
        and "If-None-Match" in headers
        and _matches(headers.getall("If-None-Match"), current.etag, strong=False)
    ):
        raise PreconditionFailed("If-None-Match: an original with this id already exists")


def if_range_matches(headers: Headers, validators: Validators) -> bool:
    """Whether a request without `If-Range`, or with one that matches, gets a part: the tag matches strongly, or the
    date exactly (RFC 9110 section 13.1.5).
    """
    value = headers.get("If-Range")
    if value is None:
        return True
    if (tag := _SINGLE_TAG.fullmatch(value)) is not None:
        return tag[1] is None and tag[2] == validators.etag
    return _parse_date(value) == validators.modified


def _matches(lines: list[str], etag: str, *, strong: bool) -> bool:
    value = ",".join(lines)
    if value.strip() == "*":
        return True
    position = 0
    while (tag := _NEXT_TAG.match(value, position)) is not None:
        if tag[2] == etag and not (strong and tag[1]):
            return True
        position = tag.end()
    return False


@lru_cache(maxsize=_CACHED_DATES)
def _epoch_seconds(date: datetime) -> int:
    """Whole seconds since 1970."""
    return int(date.timestamp())


def _is_unmodified(modified: datetime, since: datetime) -> bool:
    """Whether a client that has the date `since` has the current bytes.

    A date that is still in the future only equals itself: another date cannot have come from a response.
    """
    return modified == since or (modified < since and modified.timestamp() <= time.time())


@lru_cache(maxsize=_CACHED_DATES)
def http_date(seconds: int) -> str:
    """Seconds since 1970 as an HTTP date (RFC 9110 section 5.6.7)."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


@lru_cache(maxsize=_CACHED_DATES)
def _parse_date(text: str) -> datetime | None:
    """A date in one of the three forms of RFC 9110 section 5.6.7; None for anything else."""
    if len(text) > _MAX_DATE_CHARACTERS:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
