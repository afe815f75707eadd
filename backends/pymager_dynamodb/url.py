"""The dynamodb URL: `dynamodb://TABLE?region=...&endpoint=...&profile=...&timeout=...`."""

import re
from dataclasses import dataclass

from pymager.errors import ConfigurationError
from pymager_aws import url

DEFAULT_TIMEOUT_SECONDS = 5.0
_PARAMETERS = ("endpoint", "profile", "region", "timeout")
_FORM = "dynamodb://TABLE, for example dynamodb://pymager?region=eu-west-1"
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")  # DynamoDB developer guide, naming rules


@dataclass(frozen=True, slots=True)
class DynamoUrl:
    """The location of a table. A field that is None comes from the AWS configuration. `timeout` is in seconds."""

    table: str
    region: str | None
    endpoint: str | None
    profile: str | None
    timeout: float


def parse_url(text: str) -> DynamoUrl:
    """Raises `ConfigurationError`."""
    parts = url.parse(text, _FORM, _PARAMETERS)
    if not _TABLE.fullmatch(parts.name) or parts.path.strip("/"):
        raise ConfigurationError(
            f"the dynamodb URL must be {_FORM}, with a table name of 3 to 255 characters of A-Z a-z 0-9 _ - . "
            f"and no path, got '{parts.name[:100]}{parts.path[:100]}'"
        )
    timeout = parts.timeout or DEFAULT_TIMEOUT_SECONDS
    return DynamoUrl(parts.name, parts.region, parts.endpoint, parts.profile, timeout)
