"""The time from which the dates of a catalog's originals are exact.

Replicas from before 2026-11-28 do not know the rule that no two contents of a URL share a date: they remove rows
without a record, and date rows without looking for one. During a rolling update they run beside this version. The first
process of this version therefore records a time by which they are gone: an hour after its own start. Until then,
responses omit a date whose second is not over, so that no date is given for two contents.
"""

import time
from datetime import UTC, datetime

import structlog

from pymager.errors import NoSpace, Unavailable
from pymager.ports import MetadataStore

PROPERTY = "exact-dates-from"
_ROLLING_UPDATE_SECONDS = 3_600
ALWAYS = datetime.fromtimestamp(0, UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)

log = structlog.get_logger("pymager")


async def exact_from(metadata: MetadataStore, *, may_write: bool) -> datetime:
    """The time from which dates are exact. The first call that may write records it, atomically, for all processes.

    If the metadata store is down or full, this process omits young dates until it is started again.
    """
    try:
        value = await _recorded(metadata, may_write=may_write)
    except (NoSpace, Unavailable) as error:
        log.warning(
            "cannot read since when dates are exact; pictures have no Last-Modified in their first second",
            error=str(error),
        )
        return _NEVER
    return _NEVER if value is None else datetime.fromtimestamp(int(value), UTC)


async def _recorded(metadata: MetadataStore, *, may_write: bool) -> str | None:
    value = await metadata.get_property(PROPERTY)
    if value is None and may_write:
        page = await metadata.list_page(None, 1)
        has_rows = bool(page.items) or page.next is not None
        seconds = int(time.time()) + _ROLLING_UPDATE_SECONDS if has_rows else 0
        return await metadata.set_property(PROPERTY, str(seconds), None)
    return value
