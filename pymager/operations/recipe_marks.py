"""Recipe marks: empty blobs that show when a recipe was last current."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from pymager import keys
from pymager.ports import BlobStore

MARK_INTERVAL = timedelta(days=1)


async def mark_recipes(blobs: BlobStore, recipes: Iterable[str]) -> None:
    """Mark these recipes as current in the blob store, unless that was done within the last day."""
    now = datetime.now(UTC)
    marked = {info.key: info.modified async for info in blobs.list(keys.RECIPES)}
    for key in map(keys.recipe_key, sorted(set(recipes))):
        if key not in marked or now - marked[key] > MARK_INTERVAL:
            await blobs.put(key, b"", "application/octet-stream")
