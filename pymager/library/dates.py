"""From when on the dates of a catalog's originals are exact.

Replicas of version 0.1.0 do not know the rule that no two contents of a URL share a date: they remove rows without a
record, and date rows without looking for one. During a rolling update they run beside this version. The first process
of this version therefore writes down when they are gone: an hour after it started. Until then responses omit a date
whose second is not over, so that no date is given for two contents.
"""

import time
from datetime import UTC, datetime

from pymager.ports import MetadataStore

PROPERTY = "exact-dates-from"
_ROLLING_UPDATE_SECONDS = 3_600
ALWAYS = datetime.fromtimestamp(0, UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


async def exact_from(metadata: MetadataStore, *, may_write: bool) -> datetime:
    """The time from which on dates are exact. The first call that may write decides it, atomically, for all.

    Raises `Unavailable` and `NoSpace`.
    """
    value = await metadata.get_property(PROPERTY)
    if value is None:
        if not may_write:
            return _NEVER
        page = await metadata.list_page(None, 1)
        has_rows = bool(page.items) or page.next is not None
        seconds = int(time.time()) + _ROLLING_UPDATE_SECONDS if has_rows else 0
        value = await metadata.set_property(PROPERTY, str(seconds), None)
    return datetime.fromtimestamp(int(value), UTC)
