"""The range of a request (RFC 9110 section 14)."""

import re

from pymager.web.conditions import Headers, Validators, if_range_matches
from pymager.web.failures import RangeNotSatisfiable

# At most 99 digits: int() refuses more than 4300.
_RANGE = re.compile(r"bytes\s*=\s*(?:([0-9]{1,99})-([0-9]{0,99})|-([0-9]{1,99}))\s*", re.ASCII | re.IGNORECASE)


def requested_range(headers: Headers, size: int, validators: Validators) -> tuple[int, int] | None:
    """The requested bytes as a slice, or None for all of them. Raises `RangeNotSatisfiable`.

    Several ranges, other units and malformed ranges are ignored, as RFC 9110 section 14.2 allows.
    """
    value = headers.get("Range")
    if value is None or not if_range_matches(headers, validators):
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
