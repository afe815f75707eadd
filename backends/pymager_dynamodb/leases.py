"""The leases: one item each, written by one conditional write. DynamoDB expires those that `tidy` does not reach."""

import math
import secrets
import time
from time import monotonic
from typing import Any

import orjson

from pymager.errors import LeaseHeld, LeaseLost, Unavailable
from pymager.ports import Lease
from pymager_dynamodb.client import DynamoClient
from pymager_dynamodb.errors import ConditionFailed, translated_errors
from pymager_dynamodb.items import EXPIRES_ATTRIBUTE, LEASE_SHARDS, Item, lease_key, lease_shard

_LEASE_TTL_SECONDS = 86_400
_UPDATE = "SET #token = :token, #touched = :touched, #expires = :expires"
_NAMES = {"#token": "token", "#touched": "touched", "#expires": EXPIRES_ATTRIBUTE}
_TOKEN_NAME = {"#token": "token"}
_IS_HELD_WITH_OLD = "#token = :old"
_IS_FREE = "attribute_not_exists(#token)"


class Leases:
    """The leases in one table."""

    def __init__(self, client: DynamoClient, table: str) -> None:
        self._client = client
        self._table = table

    async def acquire(self, name: str, instead_of: str | None) -> Lease:
        """Write the token if the lease is free or has the token `instead_of`. Raises `LeaseHeld`."""
        condition = _IS_FREE if instead_of is None else f"{_IS_FREE} OR {_IS_HELD_WITH_OLD}"
        try:
            return await self._write(name, condition, instead_of)
        except ConditionFailed as error:
            if "token" in error.item:
                raise LeaseHeld(error.item["token"]["S"]) from None
            raise Unavailable("DynamoDB rejected a condition that is true", outcome_known=True) from None

    async def renew(self, lease: Lease) -> Lease:
        """Raises `LeaseLost`."""
        try:
            return await self._write(lease.name, _IS_HELD_WITH_OLD, lease.token)
        except ConditionFailed:
            raise LeaseLost(f"the lease '{lease.name}' has another holder or none") from None

    async def release(self, lease: Lease) -> None:
        """Delete the lease if it still has this token."""
        await self._delete(lease_key(lease.name), lease.token)

    async def tidy(self, older_than: float) -> int:
        """Delete the leases not touched for more than `older_than` seconds, as many as half the time limit allows."""
        deadline = self._client.deadline()
        half_time = (monotonic() + deadline) / 2
        before = _now() - math.ceil(older_than)
        removed = 0
        for partition in map(lease_shard, range(LEASE_SHARDS)):
            start = None
            while monotonic() < half_time:
                dead, start = await self._dead(partition, before, start, deadline)
                for item in dead:
                    if monotonic() < half_time:
                        key = {"pk": item["pk"], "sk": item["sk"]}
                        removed += await self._delete(key, item["token"]["S"], deadline)
                if start is None:
                    break
        return removed

    async def _dead(
        self, partition: str, before: int, start: Item | None, deadline: float
    ) -> tuple[list[Item], Item | None]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :partition",
            "FilterExpression": "#touched < :before",
            "ExpressionAttributeNames": {"#touched": "touched"},
            "ExpressionAttributeValues": {":partition": {"S": partition}, ":before": {"N": str(before)}},
        }
        if start is not None:
            request["ExclusiveStartKey"] = start
        with translated_errors(self._table):
            response = await self._client.read("Query", orjson.dumps(request), deadline)
        return response["Items"], response.get("LastEvaluatedKey")

    async def _write(self, name: str, condition: str, old: str | None) -> Lease:
        token, now = secrets.token_hex(16), _now()
        values = {":token": {"S": token}, ":touched": {"N": str(now)}, ":expires": {"N": str(now + _LEASE_TTL_SECONDS)}}
        if old is not None:
            values[":old"] = {"S": old}
        request = {
            "TableName": self._table,
            "Key": lease_key(name),
            "UpdateExpression": _UPDATE,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with translated_errors(self._table):
            await self._client.mutate("UpdateItem", orjson.dumps(request))
        return Lease(name, token)

    async def _delete(self, key: Item, token: str, deadline: float | None = None) -> bool:
        request = {
            "TableName": self._table,
            "Key": key,
            "ConditionExpression": _IS_HELD_WITH_OLD,
            "ExpressionAttributeNames": _TOKEN_NAME,
            "ExpressionAttributeValues": {":old": {"S": token}},
        }
        try:
            with translated_errors(self._table):
                await self._client.mutate("DeleteItem", orjson.dumps(request), deadline)
        except ConditionFailed:
            return False
        return True


def _now() -> int:
    return int(time.time())
