"""The outbox: one item for each purge, in a few partitions that are queried for what is due.

The transaction that removes or replaces a row creates the item (`pymager_dynamodb.catalog`).
"""

import base64
import random
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import orjson

from pymager.ports import Backlog, Purge, PurgePage
from pymager_dynamodb.client import DynamoClient
from pymager_dynamodb.errors import ConditionFailed, translated_errors
from pymager_dynamodb.items import PURGE_SHARDS, Item, purge_key, purge_of, purge_shard

_CURSOR_PREFIX = "p1."
_OF_PARTITION = "pk = :partition"
_UPDATE = "SET #due = :due, #attempts = :attempts, #state = :state"
_IS_UNCHANGED = "#due = :old_due AND #attempts = :old_attempts AND #state = :old_state"
_NAMES = {"#due": "due", "#attempts": "attempts", "#state": "state"}


class Outbox:
    """The purges in one table."""

    def __init__(self, client: DynamoClient, table: str) -> None:
        self._client = client
        self._table = table

    async def due(self, now: datetime, limit: int) -> list[Purge]:
        """Query the partitions from a random place on until there are enough.

        So a long backlog is not read as a whole, and no purge is left out forever.
        """
        place = secrets.token_hex(16)
        shards = random.sample(range(PURGE_SHARDS), PURGE_SHARDS)
        found: list[Purge] = []
        for condition in (" AND sk >= :place", " AND sk < :place"):
            request = {
                "KeyConditionExpression": f"{_OF_PARTITION}{condition}",
                "FilterExpression": "#due <= :now",
                "ExpressionAttributeNames": {"#due": "due"},
                "ExpressionAttributeValues": {":now": {"N": str(int(now.timestamp()))}, ":place": {"S": place}},
            }
            for shard in shards:
                async for purge in self._all(shard, request):
                    found.append(purge)
                    if len(found) == limit:
                        return found
        return found

    async def page(self, cursor: str | None, limit: int) -> PurgePage:
        """A page, ordered by partition and revision. Raises `ValueError`."""
        shard, revision = (0, "") if cursor is None else _parsed(cursor)
        while shard < PURGE_SHARDS:
            start = {"ExclusiveStartKey": {"pk": {"S": purge_shard(shard)}, "sk": {"S": revision}}} if revision else {}
            items, last = await self._query(shard, {"Limit": limit, **start})
            if last is not None:
                return PurgePage(tuple(map(purge_of, items)), _cursor(shard, last["sk"]["S"]))
            shard, revision = shard + 1, ""
            if items:
                more = _cursor(shard, "") if shard < PURGE_SHARDS else None
                return PurgePage(tuple(map(purge_of, items)), more)
        return PurgePage((), None)

    async def count(self) -> Backlog:
        """Query all partitions."""
        pending, oldest = 0, None
        for shard in range(PURGE_SHARDS):
            async for purge in self._all(shard, {}):
                pending += 1
                oldest = purge.recorded if oldest is None else min(oldest, purge.recorded)
        return Backlog(pending, oldest)

    async def update(self, purge: Purge, changed: Purge) -> bool:
        """One conditional UpdateItem."""
        values = {f":old_{name}": value for name, value in _values(purge).items()}
        values |= {f":{name}": value for name, value in _values(changed).items()}
        request = {
            "TableName": self._table,
            "Key": purge_key(purge.revision),
            "UpdateExpression": _UPDATE,
            "ConditionExpression": _IS_UNCHANGED,
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": values,
        }
        try:
            with translated_errors(self._table):
                await self._client.mutate("UpdateItem", orjson.dumps(request))
        except ConditionFailed:
            return False
        return True

    async def finish(self, purge: Purge) -> None:
        """One DeleteItem."""
        with translated_errors(self._table):
            request = {"TableName": self._table, "Key": purge_key(purge.revision)}
            await self._client.mutate("DeleteItem", orjson.dumps(request))

    async def _all(self, shard: int, extra: dict[str, Any]) -> AsyncIterator[Purge]:
        start: dict[str, Any] = {}
        while True:
            items, last = await self._query(shard, extra | start)
            for item in items:
                yield purge_of(item)
            if last is None:
                return
            start = {"ExclusiveStartKey": last}

    async def _query(self, shard: int, extra: dict[str, Any]) -> tuple[list[Item], Item | None]:
        """The next items of a partition, and the key to continue from."""
        values = {":partition": {"S": purge_shard(shard)}, **extra.get("ExpressionAttributeValues", {})}
        request = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": _OF_PARTITION,
            **extra,
            "ExpressionAttributeValues": values,
        }
        with translated_errors(self._table):
            response = await self._client.read("Query", orjson.dumps(request))
        return response["Items"], response.get("LastEvaluatedKey")


def _values(purge: Purge) -> Item:
    return {
        "due": {"N": str(int(purge.due.timestamp()))},
        "attempts": {"N": str(purge.attempts)},
        "state": {"S": purge.state},
    }


def _cursor(shard: int, revision: str) -> str:
    return _CURSOR_PREFIX + base64.urlsafe_b64encode(f"{shard}/{revision}".encode()).decode().rstrip("=")


def _parsed(cursor: str) -> tuple[int, str]:
    """The partition and the revision in a cursor. Raises `ValueError` if `_cursor` did not make it."""
    try:
        encoded = cursor.removeprefix(_CURSOR_PREFIX).encode()
        number, _, revision = base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)).decode().partition("/")
        shard = int(number)
    except ValueError:
        raise ValueError("invalid cursor") from None
    if not 0 <= shard < PURGE_SHARDS or _cursor(shard, revision) != cursor:
        raise ValueError("invalid cursor")
    return shard, revision
