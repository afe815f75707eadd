"""The leases: an item each, written by one conditional write, and gone by DynamoDB's own clock if nobody tidies."""

import math
import secrets
import time
from time import monotonic
from typing import Any

import orjson

from pymager.errors import Held, Lost, Unavailable
from pymager.ports import Lease
from pymager_dynamodb.failures import Unmet, translated
from pymager_dynamodb.items import EXPIRES, SHARDS, Item, lease_key, shard
from pymager_dynamodb.requests import Requests

_DAY = 86_400
_SET = "SET #token = :token, #touched = :touched, #expires = :expires"
_NAMES = {"#token": "token", "#touched": "touched", "#expires": EXPIRES}
_TOKEN = {"#token": "token"}
_SAME = "#token = :old"
_FREE = "attribute_not_exists(#token)"


class Leases:
    """The leases in one table."""

    def __init__(self, requests: Requests, table: str) -> None:
        self._requests = requests
        self._table = table

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """Write the token where none stands, or where `instead_of` does. Raises `Held`."""
        condition = _FREE if instead_of is None else f"{_FREE} OR {_SAME}"
        try:
            return await self._write(name, condition, instead_of)
        except Unmet as unmet:
            if "token" in unmet.item:
                raise Held(unmet.item["token"]["S"]) from None
            raise Unavailable("DynamoDB refused a condition that holds", outcome_known=True) from None

    async def renew(self, lease: Lease) -> Lease:
        """Raises `Lost`."""
        try:
            return await self._write(lease.name, _SAME, lease.token)
        except Unmet:
            raise Lost(f"the lease on '{lease.name}' is another's or nobody's by now") from None

    async def release(self, lease: Lease) -> None:
        """Delete the lease if it is still this one."""
        await self._delete(lease_key(lease.name), lease.token)

    async def tidy(self, older_than: float) -> int:
        """Delete the leases that were not touched for more than `older_than` seconds; as many as there is time for."""
        end = self._requests.deadline()
        enough = (monotonic() + end) / 2
        before = _now() - math.ceil(older_than)
        removed = 0
        for partition in map(shard, range(SHARDS)):
            start = None
            while monotonic() < enough:
                dead, start = await self._dead(partition, before, start, end)
                for item in dead:
                    if monotonic() < enough:
                        removed += await self._delete({"pk": item["pk"], "sk": item["sk"]}, item["token"]["S"], end)
                if start is None:
                    break
        return removed

    async def _dead(
        self, partition: str, before: int, start: Item | None, end: float
    ) -> tuple[list[Item], Item | None]:
        question: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :partition",
            "FilterExpression": "#touched < :before",
            "ExpressionAttributeNames": {"#touched": "touched"},
            "ExpressionAttributeValues": {":partition": {"S": partition}, ":before": {"N": str(before)}},
        }
        if start is not None:
            question["ExclusiveStartKey"] = start
        with translated(self._table):
            answer = await self._requests.read("Query", orjson.dumps(question), end)
        return answer["Items"], answer.get("LastEvaluatedKey")

    async def _write(self, name: str, condition: str, old: str | None) -> Lease:
        token, now = secrets.token_hex(16), _now()
        values = {":token": {"S": token}, ":touched": {"N": str(now)}, ":expires": {"N": str(now + _DAY)}}
        if old is not None:
            values[":old"] = {"S": old}
        question = {
            "TableName": self._table,
            "Key": lease_key(name),
            "UpdateExpression": _SET,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with translated(self._table):
            await self._requests.change("UpdateItem", orjson.dumps(question))
        return Lease(name, token)

    async def _delete(self, key: Item, token: str, end: float | None = None) -> bool:
        question = {
            "TableName": self._table,
            "Key": key,
            "ConditionExpression": _SAME,
            "ExpressionAttributeNames": _TOKEN,
            "ExpressionAttributeValues": {":old": {"S": token}},
        }
        try:
            with translated(self._table):
                await self._requests.change("DeleteItem", orjson.dumps(question), end)
        except Unmet:
            return False
        return True


def _now() -> int:
    return int(time.time())
