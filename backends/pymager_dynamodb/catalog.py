"""The catalog's rows. An upload is one conditional UpdateItem of the id's item, and so is every other mutation.

Never PutItem or DeleteItem: they would erase which revisions were used and fenced.
"""

from time import monotonic
from typing import Any

import orjson

from pymager.errors import AlreadyExists, Fenced, NoSpace, NotFound, RevisionMismatch, Unavailable
from pymager.ports import Original, Page
from pymager_dynamodb.failures import Unmet, translated
from pymager_dynamodb.items import (
    ASSIGNMENTS,
    NAMES,
    ORIGINAL,
    PROJECTION,
    Item,
    cursor_of,
    id_of,
    is_row,
    key_of,
    mark,
    original_of,
    row_key,
    values_of,
)
from pymager_dynamodb.requests import Requests

_SET = f"SET {ASSIGNMENTS} ADD #used :marks"
_REMOVE = f"REMOVE {PROJECTION}"
_USED = {"#used": "used"}
_ABSENT = "attribute_not_exists(#revision)"
_PRESENT = "attribute_exists(#revision)"
_FRESH = "NOT contains(#used, :mark)"
_EXPECTED = "#revision = :expected"


class Catalog:
    """The rows in one table."""

    def __init__(self, requests: Requests, table: str) -> None:
        self._requests = requests
        self._table = table
        # A GetItem is its key between two constants.
        question: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
        question |= {"ProjectionExpression": PROJECTION, "ExpressionAttributeNames": NAMES}
        self._before = orjson.dumps(question)[:-1] + b',"Key":{"sk":{"S":"' + ORIGINAL.encode() + b'"},"pk":{"S":'
        self._after = b"}}}"

    async def find(self, id: str) -> Original | None:
        """The row as it is now, or None."""
        key = orjson.dumps(row_key(id)["pk"]["S"])
        with translated(self._table):
            answer = await self._requests.read("GetItem", self._before + key + self._after)
        item = answer.get("Item")
        return original_of(id, item) if item and is_row(item) else None

    async def add(self, original: Original) -> None:
        """Raises `AlreadyExists`, `Fenced` and `NoSpace`."""
        try:
            await self._commit(original, f"{_ABSENT} AND {_FRESH}", {})
        except Unmet as unmet:
            if is_row(unmet.item):
                raise AlreadyExists(f"'{original.id}' has a row already") from None
            raise _fenced(original) from None

    async def replace(self, original: Original, expected: str | None) -> Original:
        """Raises `NotFound`, `RevisionMismatch`, `Fenced` and `NoSpace`."""
        condition, values = _standing(expected)
        try:
            return original_of(original.id, await self._commit(original, f"{condition} AND {_FRESH}", values))
        except Unmet as unmet:
            _check(original.id, unmet.item, expected)
            raise _fenced(original) from None

    async def remove(self, id: str, expected: str | None) -> Original:
        """Take the row's attributes away. Raises `NotFound` and `RevisionMismatch`."""
        condition, values = _standing(expected)
        try:
            return original_of(id, await self._update(id, _REMOVE, condition, NAMES, values))
        except Unmet as unmet:
            _check(id, unmet.item, expected)
            raise Unavailable("DynamoDB refused a condition that holds", outcome_known=True) from None

    async def fence(self, id: str, revision: str) -> bool:
        """Mark the revision as used, unless the row holds it."""
        values: Item = {":marks": {"BS": [mark(revision)]}, ":revision": {"S": revision}}
        names = _USED | {"#revision": "revision"}
        try:
            await self._update(id, "ADD #used :marks", f"{_ABSENT} OR #revision <> :revision", names, values)
        except Unmet:
            return False
        except NoSpace as error:
            raise Unavailable(f"the revision can't be fenced: {error}", outcome_known=True) from error
        return True

    async def list_page(self, cursor: str | None, limit: int) -> Page:
        """A page in the order of the table's partitions.

        It has fewer rows, or none, where half the time is over while it passes by items of ids that have no row.
        """
        key = None if cursor is None else key_of(cursor)
        end = self._requests.deadline()
        enough = (monotonic() + end) / 2
        found: list[Item] = []
        ask = limit + 1  # one more tells whether there is a next page
        while True:
            items, key = await self._scan(key, ask, end)
            found += items
            if key is None or len(found) > limit or monotonic() > enough:
                break
            ask *= 2
        rows = tuple(original_of(id_of(item), item) for item in found[:limit])
        if len(found) > limit:
            return Page(rows, cursor_of(found[limit - 1]))
        return Page(rows, None if key is None else cursor_of(key))

    async def _scan(self, start: Item | None, limit: int, end: float) -> tuple[list[Item], Item | None]:
        """The rows among the next `limit` items, and where to go on."""
        question: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "Limit": limit,
            "ProjectionExpression": f"pk, sk, {PROJECTION}",
            "FilterExpression": _PRESENT,
            "ExpressionAttributeNames": NAMES,
        }
        if start is not None:
            question["ExclusiveStartKey"] = start
        with translated(self._table):
            answer = await self._requests.read("Scan", orjson.dumps(question), end)
        return answer["Items"], answer.get("LastEvaluatedKey")

    async def _commit(self, original: Original, condition: str, values: Item) -> Item:
        one = mark(original.revision)
        values = values_of(original) | values | {":mark": {"B": one}, ":marks": {"BS": [one]}}
        return await self._update(original.id, _SET, condition, NAMES | _USED, values)

    async def _update(self, id: str, update: str, condition: str, names: dict[str, str], values: Item) -> Item:
        """One UpdateItem; gives what was there before. Raises `Unmet` with what is there where it was refused."""
        question: dict[str, Any] = {
            "TableName": self._table,
            "Key": row_key(id),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ReturnValues": "ALL_OLD",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if values:
            question["ExpressionAttributeValues"] = values
        with translated(self._table):
            answer = await self._requests.change("UpdateItem", orjson.dumps(question))
        old: Item = answer.get("Attributes", {})
        return old


def _standing(expected: str | None) -> tuple[str, Item]:
    if expected is None:
        return _PRESENT, {}
    return f"{_PRESENT} AND {_EXPECTED}", {":expected": {"S": expected}}


def _check(id: str, item: Item, expected: str | None) -> None:
    if not is_row(item):
        raise NotFound(f"no row has the id '{id}'") from None
    standing = item["revision"]["S"]
    if expected is not None and standing != expected:
        raise RevisionMismatch(f"'{id}' is of revision {standing}, not {expected}") from None


def _fenced(original: Original) -> Fenced:
    return Fenced(f"the revision {original.revision} was fenced or used before")
