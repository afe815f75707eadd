"""The catalog's rows. Every mutation is one conditional UpdateItem of the id's item.

Never PutItem or DeleteItem: they would erase the set of revisions that were used or fenced. If a purge has to be
recorded, the UpdateItem is in one transaction with a PutItem of the purge.
"""

import dataclasses
import time
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import orjson

from pymager.errors import AlreadyExists, Fenced, NoSpace, NotFound, RevisionMismatch, Unavailable
from pymager.ports import Description, Original, Page, Purge, PurgeOrder
from pymager_dynamodb.client import DynamoClient
from pymager_dynamodb.errors import ConditionFailed, translated_errors
from pymager_dynamodb.items import (
    ASSIGNMENTS,
    DESCRIPTION_ASSIGNMENTS,
    DESCRIPTION_NAMES,
    NAMES,
    ORIGINAL_SORT_KEY,
    PROJECTION,
    Item,
    binary_revision,
    cursor_of,
    description_values,
    id_of,
    is_row,
    key_of,
    last_date,
    original_of,
    purge_item,
    row_key,
    values_of,
)

_SET_DESCRIPTION = f"SET {DESCRIPTION_ASSIGNMENTS}"
_SET_ROW = f"SET {ASSIGNMENTS}, {DESCRIPTION_ASSIGNMENTS} ADD #used :revisions"
_SET_ROW_ONLY = f"SET {ASSIGNMENTS} REMOVE {', '.join(DESCRIPTION_NAMES)} ADD #used :revisions"
_NAMES_BUT_DATE = {name: field for name, field in NAMES.items() if field != "created"}
_REMOVE_ROW = f"REMOVE {', '.join(_NAMES_BUT_DATE)} SET #removed = :now"
_REMOVED_NAME = {"#removed": "removed"}
_USED_NAME = {"#used": "used"}
_REVISION_NAME = {"#revision": "revision"}
_COMMIT_NAMES = NAMES | _USED_NAME
_ADD_NAMES = _COMMIT_NAMES | _REMOVED_NAME
_HAS_NO_ROW = "attribute_not_exists(#revision)"
_HAS_ROW = "attribute_exists(#revision)"
_IS_UNUSED = "NOT contains(#used, :new)"
_IS_LATER = " AND ".join(f"(attribute_not_exists({name}) OR {name} < :created)" for name in ("#removed", "#created"))
_MAX_DATES = 8
_MAX_TRANSACTIONS = 32
_MAX_SCANNED = 100_000
_IS_EXPECTED = "#revision = :expected"


class Catalog:
    """The rows in one table."""

    def __init__(self, client: DynamoClient, table: str) -> None:
        self._client = client
        self._table = table
        # The body of a GetItem is the partition key between two constants.
        request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        request |= {"ProjectionExpression": PROJECTION, "ExpressionAttributeNames": NAMES}
        sort_key = ORIGINAL_SORT_KEY.encode()
        self._before_key = orjson.dumps(request)[:-1] + b',"Key":{"sk":{"S":"' + sort_key + b'"},"pk":{"S":'
        self._after_key = b"}}}"

    async def find(self, id: str) -> Original | None:
        """The current row, or None."""
        key = orjson.dumps(row_key(id)["pk"]["S"])
        with translated_errors(self._table):
            response = await self._client.read("GetItem", self._before_key + key + self._after_key)
        item = response.get("Item")
        return original_of(id, item) if item and is_row(item) else None

    async def add(self, original: Original) -> Original:
        """Write the row, dated later than the last, and return it. Raises `AlreadyExists`, `Fenced` and `NoSpace`."""
        for _ in range(_MAX_DATES):
            try:
                await self._commit(original, f"{_HAS_NO_ROW} AND {_IS_UNUSED} AND {_IS_LATER}", {}, _ADD_NAMES)
            except ConditionFailed as error:
                if is_row(error.item):
                    raise AlreadyExists(f"the id '{original.id}' already has a row") from None
                last = last_date(error.item)
                if last < original.created.timestamp():
                    raise _fenced(original) from None
                # Not a second attempt of the same write: DynamoDB has refused the first.
                original = dataclasses.replace(original, created=datetime.fromtimestamp(last + 1, UTC))
            else:
                return original
        message = f"the id '{original.id}' is being added and removed repeatedly; try again"
        raise Unavailable(message, outcome_known=True)

    async def replace(self, original: Original, expected: str | None, purge: PurgeOrder | None) -> Original:
        """Raises `NotFound`, `RevisionMismatch`, `Fenced` and `NoSpace`."""
        if purge is not None:
            return await self._with_purge(original.id, expected, purge, _Replacement(original))
        condition, values = _row_condition(expected)
        try:
            old = await self._commit(original, f"{condition} AND {_IS_UNUSED}", values, _COMMIT_NAMES)
        except ConditionFailed as error:
            _raise_if_mismatched(original.id, error.item, expected)
            raise _fenced(original) from None
        return original_of(original.id, old)

    async def remove(self, id: str, expected: str | None, purge: PurgeOrder | None) -> Original:
        """Remove all attributes of the row except its date. Raises `NotFound` and `RevisionMismatch`."""
        if purge is not None:
            return await self._with_purge(id, expected, purge, _Removal())
        condition, values = _row_condition(expected)
        removal = _Removal()
        try:
            return original_of(
                id, await self._update(id, removal.update, condition, removal.names, values | removal.values)
            )
        except ConditionFailed as error:
            _raise_if_mismatched(id, error.item, expected)
            raise Unavailable("DynamoDB rejected a condition that is true", outcome_known=True) from None

    async def describe(self, id: str, revision: str, description: Description) -> bool:
        """Set the description, unless the row has another revision. Raises `NoSpace`."""
        condition, values = _row_condition(revision)
        values |= description_values(revision, description)
        try:
            await self._update(id, _SET_DESCRIPTION, condition, DESCRIPTION_NAMES | _REVISION_NAME, values)
        except ConditionFailed:
            return False
        return True

    async def fence(self, id: str, revision: str) -> bool:
        """Add the revision to the used ones, unless the row has it."""
        values: Item = {":revisions": {"BS": [binary_revision(revision)]}, ":revision": {"S": revision}}
        names = _USED_NAME | _REVISION_NAME
        try:
            await self._update(id, "ADD #used :revisions", f"{_HAS_NO_ROW} OR #revision <> :revision", names, values)
        except ConditionFailed:
            return False
        except NoSpace as error:
            raise Unavailable(f"cannot fence the revision: {error}", outcome_known=True) from error
        return True

    async def list_page(self, cursor: str | None, limit: int, prefix: str = "") -> Page:
        """A page in the order of the table's partitions.

        It has fewer rows, or none, if skipping the items of ids without a row, or without the prefix, takes more than
        half of the time limit. Partitions have no order, so that all items are read for a prefix.
        """
        key = None if cursor is None else key_of(cursor)
        deadline = self._client.deadline()
        half_time = (monotonic() + deadline) / 2
        found: list[Item] = []
        count = limit + 1  # one more shows whether there is a next page
        while True:
            items, key = await self._scan(key, min(count, _MAX_SCANNED), deadline, prefix)
            found += items
            if key is None or len(found) > limit or monotonic() > half_time:
                break
            count *= 2
        rows = tuple(original_of(id_of(item), item) for item in found[:limit])
        if len(found) > limit:
            return Page(rows, cursor_of(found[limit - 1]))
        return Page(rows, None if key is None else cursor_of(key))

    async def _scan(
        self, start: Item | None, limit: int, deadline: float, prefix: str
    ) -> tuple[list[Item], Item | None]:
        """The rows among the next `limit` items, and the key to continue from."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "Limit": limit,
            "ProjectionExpression": f"pk, sk, {PROJECTION}",
            "FilterExpression": _HAS_ROW,
            "ExpressionAttributeNames": NAMES,
        }
        if prefix:
            request["FilterExpression"] = f"{_HAS_ROW} AND begins_with(pk, :prefix)"
            request["ExpressionAttributeValues"] = {":prefix": row_key(prefix)["pk"]}
        if start is not None:
            request["ExclusiveStartKey"] = start
        with translated_errors(self._table):
            response = await self._client.read("Scan", orjson.dumps(request), deadline)
        return response["Items"], response.get("LastEvaluatedKey")

    async def _commit(self, original: Original, condition: str, values: Item, names: dict[str, str]) -> Item:
        change = _Replacement(original)
        return await self._update(original.id, change.update, condition, names, values | change.values)

    async def _with_purge(
        self, id: str, expected: str | None, purge: PurgeOrder, change: "_Removal | _Replacement"
    ) -> Original:
        """Change the row and record the purge in one transaction, which returns no old item: the row is read before.

        If the row is another one by then, DynamoDB refuses the transaction, and the row is read again: that is not a
        second attempt of the same write. Raises `NotFound`, `RevisionMismatch`, `Fenced` and `NoSpace`.
        """
        for _ in range(_MAX_TRANSACTIONS):
            row = await self.find(id)
            if row is None:
                raise NotFound(f"the id '{id}' has no row")
            if expected is not None and row.revision != expected:
                raise RevisionMismatch(f"the revision of '{id}' is {row.revision}, not {expected}")
            try:
                await self._transact(id, row.revision, change, purge.of(row))
            except ConditionFailed as error:
                if is_row(error.item) and error.item["revision"]["S"] == row.revision:
                    raise Fenced(f"a revision of '{id}' was used or fenced before") from None
            else:
                return row
        raise Unavailable(f"the row of '{id}' is being changed repeatedly; try again", outcome_known=True)

    async def _transact(self, id: str, revision: str, change: "_Removal | _Replacement", purge: Purge) -> None:
        """Send one TransactWriteItems. Raises `ConditionFailed` with the stored item."""
        condition, values = _row_condition(revision)
        request = self._request(
            id,
            change.update,
            f"{condition}{change.condition}",
            change.names | _REVISION_NAME,
            change.values | values,
        )
        put = {"TableName": self._table, "Item": purge_item(purge)}
        body = orjson.dumps({"TransactItems": [{"Update": request}, {"Put": put}]})
        with translated_errors(self._table):
            await self._client.mutate("TransactWriteItems", body)

    async def _update(self, id: str, update: str, condition: str, names: dict[str, str], values: Item) -> Item:
        """Send one UpdateItem and return the old item. Raises `ConditionFailed` with the stored item."""
        request = self._request(id, update, condition, names, values) | {"ReturnValues": "ALL_OLD"}
        with translated_errors(self._table):
            response = await self._client.mutate("UpdateItem", orjson.dumps(request))
        old: Item = response.get("Attributes", {})
        return old

    def _request(self, id: str, update: str, condition: str, names: dict[str, str], values: Item) -> dict[str, Any]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": row_key(id),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            request["ExpressionAttributeValues"] = values
        return request


class _Removal:
    """The change that removes all attributes of a row except its date, at this time."""

    update = _REMOVE_ROW
    names = _NAMES_BUT_DATE | _REMOVED_NAME
    condition = ""

    def __init__(self) -> None:
        self.values: Item = {":now": {"N": str(int(time.time()))}}


class _Replacement:
    """The change that writes a row and adds its revision to the used ones."""

    names = _COMMIT_NAMES
    condition = f" AND {_IS_UNUSED}"

    def __init__(self, original: Original) -> None:
        revision, description = binary_revision(original.revision), original.description
        self.update = _SET_ROW_ONLY if description is None else _SET_ROW
        self.values: Item = values_of(original) | {":new": {"B": revision}, ":revisions": {"BS": [revision]}}
        if description is not None:
            self.values |= description_values(original.revision, description)


def _row_condition(expected: str | None) -> tuple[str, Item]:
    if expected is None:
        return _HAS_ROW, {}
    return f"{_HAS_ROW} AND {_IS_EXPECTED}", {":expected": {"S": expected}}


def _raise_if_mismatched(id: str, item: Item, expected: str | None) -> None:
    if not is_row(item):
        raise NotFound(f"the id '{id}' has no row") from None
    current = item["revision"]["S"]
    if expected is not None and current != expected:
        raise RevisionMismatch(f"the revision of '{id}' is {current}, not {expected}") from None


def _fenced(original: Original) -> Fenced:
    return Fenced(f"the revision {original.revision} was used or fenced before")
