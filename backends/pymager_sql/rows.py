"""The rows of `originals` as values of the port, and the cursors of pages. Needs no database."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pymager.ports import Original, Page

COLUMNS = (
    *("id", "revision", "format", "width", "height", "size", "sha256", "created", "described"),
    *("frames", "alpha", "dominant", "thumbhash", "blurhash"),
)
"""The columns of `originals`."""

Row = Sequence[Any]
"""The columns of `originals`, in the order of the table."""

_CURSOR = b"\x01"


@lru_cache(maxsize=4_096)
def original(row: Row) -> Original:
    """Convert a row of `originals`. Cached, because the same rows are read again and again."""
    id, revision, format, width, height, size, sha256, created, described, *description = row
    date = datetime.fromtimestamp(created, UTC)
    if described != revision:
        return Original(id, revision, format, width, height, size, sha256, date)
    frames, alpha, *texts = description
    return Original(id, revision, format, width, height, size, sha256, date, frames, bool(alpha), *texts)


def page(rows: Sequence[Row], limit: int) -> Page:
    """Make a page of up to `limit` items; there is a next one if there are more rows."""
    items = tuple(original(row) for row in rows[:limit])
    return Page(items, _cursor(items[-1].id) if len(rows) > limit else None)


def starting_with(prefix: str, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows whose id starts with the prefix, of rows ordered by their ids."""
    return [row for row in rows if row[0].startswith(prefix)]


def after(cursor: str | None) -> str:
    """Return the id of a cursor; for None, a text that is less than every id. It is not '', which is NULL in Oracle.

    Raises `ValueError`.
    """
    if cursor is None:
        return "\x01"
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        id = raw.removeprefix(_CURSOR).decode()
    except ValueError:
        id = ""
    if not id or _cursor(id) != cursor:
        raise ValueError("invalid cursor")
    return id


def _cursor(id: str) -> str:
    return base64.urlsafe_b64encode(_CURSOR + id.encode()).rstrip(b"=").decode()


def values(original: Original) -> dict[str, Any]:
    """Convert an original to the columns of its row."""
    created, alpha = int(original.created.timestamp()), original.alpha
    described = None if original.description is None else original.revision
    columns = {"created": created, "described": described, "alpha": None if alpha is None else int(alpha)}
    return asdict(original) | columns
