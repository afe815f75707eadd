"""What a dynamodb URL says: `dynamodb://TABLE?region=...&endpoint=...&profile=...&timeout=...`."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from yarl import URL

from pymager.errors import ConfigurationError

TIMEOUT = 5.0
_LONGEST = 3600.0
_KNOWN = ("endpoint", "profile", "region", "timeout")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")  # DynamoDB developer guide, naming rules
_REGION = re.compile(r"[a-z0-9-]{1,63}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a table is. What is None is left to the AWS configuration; `timeout` in seconds."""

    table: str
    region: str | None
    endpoint: URL | None
    profile: str | None
    timeout: float


def read(url: str) -> Address:
    """The address in a URL. Raises `ConfigurationError`."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError("the dynamodb URL is not a URL; one is: dynamodb://pymager?region=eu-west-1") from None
    if "@" in parts.netloc:
        raise ConfigurationError("a dynamodb URL holds no credentials; they come from the AWS environment or a profile")
    if not _TABLE.fullmatch(parts.netloc) or parts.path.strip("/") or parts.fragment:
        raise ConfigurationError(
            "a dynamodb URL is dynamodb://TABLE?region=eu-west-1, and a table's name is 3 to 255 of A-Z a-z 0-9 _ - ."
        )
    query = _once(pairs)
    return Address(
        parts.netloc,
        _region(query.get("region")),
        _endpoint(query.get("endpoint")),
        query.get("profile") or None,
        _timeout(query.get("timeout")),
    )


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KNOWN:
            raise ConfigurationError(f"a dynamodb URL does not know '{name}'; it knows: {', '.join(_KNOWN)}")
        if name in query:
            raise ConfigurationError(f"the dynamodb URL says '{name}' more than once")
        query[name] = value
    return query


def _region(text: str | None) -> str | None:
    if text is not None and not _REGION.fullmatch(text):
        raise ConfigurationError(f"region={text} in the dynamodb URL is not a region, as in region=eu-west-1")
    return text


def _endpoint(text: str | None) -> URL | None:
    if text is None:
        return None
    try:
        url = URL(text)
        is_right = url.scheme in ("http", "https") and bool(url.host) and url == url.origin()
    except ValueError:
        is_right = False
    if not is_right:
        raise ConfigurationError("endpoint in the dynamodb URL is not of the form http://HOST:PORT or https://HOST")
    return url


def _timeout(text: str | None) -> float:
    if text is None:
        return TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:  # also false for what is not a number
        raise ConfigurationError(f"timeout={text} in the dynamodb URL is not a number of seconds from 0 to 3600")
    return seconds
