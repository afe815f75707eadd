"""Rows of the outbox, as every database returns them, and the cursor of its listing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pymager.ports import Backlog, Purge, PurgePage

COLUMNS = ("revision", "id", "recorded", "due", "attempts", "state")
_CHANGING = ("due", "attempts", "state")
_CURSOR_PREFIX = "p1."


def purge(row: Sequence[Any]) -> Purge:
    """The purge of a row with `COLUMNS`."""
    revision, id, recorded, due, attempts, state = row
    return Purge(id, revision, datetime.fromtimestamp(recorded, UTC), datetime.fromtimestamp(due, UTC), attempts, state)


def values(purge: Purge) -> dict[str, Any]:
    """The values of `COLUMNS`."""
    return {
        "revision": purge.revision,
        "id": purge.id,
        "recorded": seconds(purge.recorded),
        "due": seconds(purge.due),
        "attempts": purge.attempts,
        "state": purge.state,
    }


def changes(purge: Purge, changed: Purge) -> dict[str, Any]:
    """The new values of a row, and the old ones that it must still have."""
    new, old = values(changed), values(purge)
    return {name: new[name] for name in _CHANGING} | {f"old_{name}": old[name] for name in _CHANGING}


def seconds(date: datetime) -> int:
    """Seconds since 1970."""
    return int(date.timestamp())


def page(rows: Sequence[Sequence[Any]], limit: int) -> PurgePage:
    """The page of up to `limit` purges, from rows ordered by revision; one more shows that there is a next page."""
    items = tuple(map(purge, rows[:limit]))
    return PurgePage(items, _CURSOR_PREFIX + items[-1].revision if len(rows) > limit else None)


def after(cursor: str | None) -> str:
    """The revision after which the page starts. Raises `ValueError`."""
    if cursor is None:
        return ""
    revision = cursor.removeprefix(_CURSOR_PREFIX)
    if not revision or _CURSOR_PREFIX + revision != cursor:
        raise ValueError("invalid cursor")
    return revision


def backlog(pending: int, oldest: int | None) -> Backlog:
    """The number of rows, and the smallest `recorded`."""
    return Backlog(pending, None if oldest is None else datetime.fromtimestamp(oldest, UTC))
