"""The table: creates and checks it."""

import asyncio
from time import monotonic
from typing import Any

import orjson
from aiodynamo.errors import AIODynamoError, ResourceInUse, TableNotFound, ValidationException

from pymager.errors import ConfigurationError, Unavailable
from pymager_dynamodb.client import DynamoClient, reason
from pymager_dynamodb.items import EXPIRES_ATTRIBUTE

_KEY_SCHEMA = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
_ATTRIBUTE_DEFINITIONS = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}]
_USABLE_STATUS = ("ACTIVE", "UPDATING")
_POLL_SECONDS = 0.5
_CREATION_TIMEOUT_SECONDS = 300


async def check(client: DynamoClient, table: str) -> None:
    """Raise `ConfigurationError` if the table is not usable."""
    description = await _describe(client, table)
    if description is None:
        raise ConfigurationError(f"no table '{table}'; create it with: pymager init")
    _check_key_schema(table, description)
    if description["TableStatus"] not in _USABLE_STATUS:
        status = description["TableStatus"]
        raise ConfigurationError(f"the table '{table}' must be ACTIVE, but it is {status}; wait and try again")


async def prepare(client: DynamoClient, table: str) -> list[str]:
    """Create the table, billed by request, and let DynamoDB remove expired leases. Returns what was done."""
    done = []
    if await _describe(client, table) is None and await _create(client, table):
        done.append(f"created the DynamoDB table '{table}', billed by request")
    await _wait_until_active(client, table)
    if await _enable_expiry(client, table):
        done.append(f"enabled expiry by the attribute '{EXPIRES_ATTRIBUTE}' in the DynamoDB table '{table}'")
    return done


async def _create(client: DynamoClient, table: str) -> bool:
    request = {
        "TableName": table,
        "AttributeDefinitions": _ATTRIBUTE_DEFINITIONS,
        "KeySchema": _KEY_SCHEMA,
        "BillingMode": "PAY_PER_REQUEST",
    }
    try:
        await _send(client, "CreateTable", request, is_mutation=True)
    except ResourceInUse:
        return False  # another process creates it at the same time
    return True


async def _wait_until_active(client: DynamoClient, table: str) -> None:
    deadline = monotonic() + _CREATION_TIMEOUT_SECONDS
    while True:
        description = await _describe(client, table)
        if description is not None:
            _check_key_schema(table, description)
            if description["TableStatus"] == "ACTIVE":
                return
        if monotonic() > deadline:
            message = f"the table '{table}' did not become ACTIVE within {_CREATION_TIMEOUT_SECONDS} s"
            raise Unavailable(message, outcome_known=False)
        await asyncio.sleep(_POLL_SECONDS)


async def _enable_expiry(client: DynamoClient, table: str) -> bool:
    """Let leases expire. False if they already do."""
    if await _is_expiry_enabled(client, table):
        return False
    rule = {"AttributeName": EXPIRES_ATTRIBUTE, "Enabled": True}
    request = {"TableName": table, "TimeToLiveSpecification": rule}
    try:
        await _send(client, "UpdateTimeToLive", request, is_mutation=True)
    except ValidationException as error:
        if await _is_expiry_enabled(client, table):
            return False  # another process enabled it at the same time
        raise Unavailable(f"cannot enable the expiry of leases: {reason(error)}", outcome_known=True) from error
    return True


async def _is_expiry_enabled(client: DynamoClient, table: str) -> bool:
    response = await _send(client, "DescribeTimeToLive", {"TableName": table})
    rule = response["TimeToLiveDescription"]
    is_on = rule.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    if is_on and rule.get("AttributeName") != EXPIRES_ATTRIBUTE:
        raise ConfigurationError(
            f"items of the table '{table}' must expire by the attribute '{EXPIRES_ATTRIBUTE}', not by "
            f"'{rule.get('AttributeName')}': it belongs to another program; use another table"
        )
    return is_on


def _check_key_schema(table: str, description: dict[str, Any]) -> None:
    keys = sorted(description["KeySchema"], key=lambda key: str(key["KeyType"]))
    types = sorted(description["AttributeDefinitions"], key=lambda key: str(key["AttributeName"]))
    if keys != _KEY_SCHEMA or [kind for kind in types if kind in _ATTRIBUTE_DEFINITIONS] != _ATTRIBUTE_DEFINITIONS:
        raise ConfigurationError(
            f"the table '{table}' must have the partition key pk and the sort key sk, both strings; its key is "
            "different; use another table"
        )


async def _describe(client: DynamoClient, table: str) -> dict[str, Any] | None:
    try:
        response = await _send(client, "DescribeTable", {"TableName": table})
    except TableNotFound:
        return None
    description: dict[str, Any] = response["Table"]
    return description


async def _send(client: DynamoClient, action: str, request: dict[str, Any], *, is_mutation: bool = False) -> Any:
    """The response. Raises `ConfigurationError` for a refusal that the caller does not handle."""
    send = client.mutate if is_mutation else client.read
    try:
        return await send(action, orjson.dumps(request))
    except (ResourceInUse, TableNotFound, ValidationException):
        raise
    except AIODynamoError as error:
        raise ConfigurationError(f"DynamoDB refused {action}: {reason(error)}") from error
