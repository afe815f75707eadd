"""The table itself: whether it is right, and how it is made."""

import asyncio
from time import monotonic
from typing import Any

import orjson
from aiodynamo.errors import AIODynamoError, ResourceInUse, TableNotFound, ValidationException

from pymager.errors import ConfigurationError, Unavailable
from pymager_dynamodb.items import EXPIRES
from pymager_dynamodb.requests import Requests, reason

_KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
_TYPES = [{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}]
_USABLE = ("ACTIVE", "UPDATING")
_PAUSE = 0.5
_PATIENCE = 300.0


async def check(requests: Requests, table: str) -> None:
    """Raises `ConfigurationError` where the table can't be used, with what would be right."""
    description = await _described(requests, table)
    if description is None:
        raise ConfigurationError(f"there is no table '{table}'; make it with: pymager init")
    _check_keys(table, description)
    if description["TableStatus"] not in _USABLE:
        raise ConfigurationError(f"the table '{table}' is {description['TableStatus']}; wait until it is ACTIVE")


async def prepare(requests: Requests, table: str) -> list[str]:
    """Make the table, billed by request, and let DynamoDB remove leases that have expired. Says what was done."""
    done = []
    if await _described(requests, table) is None and await _created(requests, table):
        done.append(f"made the DynamoDB table '{table}', billed by request")
    await _until_active(requests, table)
    if await _expiring(requests, table):
        done.append(f"let DynamoDB remove what is past its attribute '{EXPIRES}' from the table '{table}'")
    return done


async def _created(requests: Requests, table: str) -> bool:
    question = {
        "TableName": table,
        "AttributeDefinitions": _TYPES,
        "KeySchema": _KEYS,
        "BillingMode": "PAY_PER_REQUEST",
    }
    try:
        await _asked(requests, "CreateTable", question, changes=True)
    except ResourceInUse:
        return False  # another process makes it right now
    return True


async def _until_active(requests: Requests, table: str) -> None:
    until = monotonic() + _PATIENCE
    while True:
        description = await _described(requests, table)
        if description is not None:
            _check_keys(table, description)
            if description["TableStatus"] == "ACTIVE":
                return
        if monotonic() > until:
            raise Unavailable(f"the table '{table}' did not become ACTIVE in {_PATIENCE:.0f} s", outcome_known=False)
        await asyncio.sleep(_PAUSE)


async def _expiring(requests: Requests, table: str) -> bool:
    """Let leases expire. False where they do already."""
    if await _expires(requests, table):
        return False
    rule = {"AttributeName": EXPIRES, "Enabled": True}
    question = {"TableName": table, "TimeToLiveSpecification": rule}
    try:
        await _asked(requests, "UpdateTimeToLive", question, changes=True)
    except ValidationException as error:
        if await _expires(requests, table):
            return False  # another process did it just now
        raise Unavailable(f"leases can't be made to expire: {reason(error)}", outcome_known=True) from error
    return True


async def _expires(requests: Requests, table: str) -> bool:
    answer = await _asked(requests, "DescribeTimeToLive", {"TableName": table})
    rule = answer["TimeToLiveDescription"]
    is_on = rule.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    if is_on and rule.get("AttributeName") != EXPIRES:
        raise ConfigurationError(
            f"items of the table '{table}' expire by the attribute '{rule.get('AttributeName')}', not '{EXPIRES}': "
            "it is another program's table"
        )
    return is_on


def _check_keys(table: str, description: dict[str, Any]) -> None:
    keys = sorted(description["KeySchema"], key=lambda key: str(key["KeyType"]))
    types = sorted(description["AttributeDefinitions"], key=lambda key: str(key["AttributeName"]))
    if keys != _KEYS or [kind for kind in types if kind in _TYPES] != _TYPES:
        raise ConfigurationError(
            f"the table '{table}' has another key than pymager's, which is pk and sk, both strings; name another table"
        )


async def _described(requests: Requests, table: str) -> dict[str, Any] | None:
    try:
        answer = await _asked(requests, "DescribeTable", {"TableName": table})
    except TableNotFound:
        return None
    description: dict[str, Any] = answer["Table"]
    return description


async def _asked(requests: Requests, action: str, question: dict[str, Any], *, changes: bool = False) -> Any:
    """The answer. Raises `ConfigurationError` where it is refused for what the caller can't act on."""
    ask = requests.change if changes else requests.read
    try:
        return await ask(action, orjson.dumps(question))
    except (ResourceInUse, TableNotFound, ValidationException):
        raise
    except AIODynamoError as error:
        raise ConfigurationError(f"DynamoDB refuses {action}: {reason(error)}") from error
