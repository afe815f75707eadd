"""The properties: one item each, written by one conditional write."""

from typing import Any

import orjson

from pymager.errors import Unavailable
from pymager_dynamodb.client import DynamoClient
from pymager_dynamodb.errors import ConditionFailed, translated_errors
from pymager_dynamodb.items import Item, property_key

_NAMES = {"#value": "value"}
_HAS_NO_VALUE = "attribute_not_exists(#value)"
_HAS_OLD_VALUE = "#value = :old"


class Properties:
    """The properties in one table."""

    def __init__(self, client: DynamoClient, table: str) -> None:
        self._client = client
        self._table = table

    async def get(self, name: str) -> str | None:
        """The value, by a consistent read, or None."""
        request = {"TableName": self._table, "Key": property_key(name), "ConsistentRead": True}
        with translated_errors(self._table):
            response = await self._client.read("GetItem", orjson.dumps(request))
        return _value(response.get("Item", {}))

    async def set(self, name: str, value: str, instead_of: str | None) -> str:
        """Write the value if it is `instead_of` now, and return the value after that."""
        values: Item = {":new": {"S": value}}
        if instead_of is not None:
            values[":old"] = {"S": instead_of}
        request: dict[str, Any] = {
            "TableName": self._table,
            "Key": property_key(name),
            "UpdateExpression": "SET #value = :new",
            "ConditionExpression": _HAS_NO_VALUE if instead_of is None else _HAS_OLD_VALUE,
            "ExpressionAttributeNames": _NAMES,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            with translated_errors(self._table):
                await self._client.mutate("UpdateItem", orjson.dumps(request))
        except ConditionFailed as error:
            if (current := _value(error.item)) is not None:
                return current
            raise Unavailable(f"the property '{name}' could not be set", outcome_known=True) from None
        return value


def _value(item: Item) -> str | None:
    return item["value"]["S"] if "value" in item else None
