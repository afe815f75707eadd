"""What an s3 URL says: `s3://BUCKET/PREFIX?endpoint=...&region=...&style=...&ca=...&profile=...&timeout=...`."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pymager.errors import ConfigurationError

T = TypeVar("T")

TIMEOUT = 10.0
_LONGEST = 3600.0
_KNOWN = ("ca", "endpoint", "profile", "region", "style", "timeout")
_FORM = "an s3 URL is s3://BUCKET or s3://BUCKET/PREFIX, with ?endpoint=http://HOST:PORT for a server that is not AWS"
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")  # Amazon S3 user guide, bucket naming rules
_REGION = re.compile(r"[a-z0-9-]{1,63}")
_SEGMENT_BYTES = 255
_PREFIX_BYTES = 300  # so that a key of 700 bytes stays within the 1024 that S3 allows


@dataclass(frozen=True, slots=True)
class Address:
    """Where the blobs are. `prefix` is empty or ends in `/`; what is None is left to the AWS configuration."""

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None
    is_virtual: bool
    ca: str | None
    profile: str | None
    timeout: float


def read(url: str) -> Address:
    """The address in a URL. Raises `ConfigurationError`."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError(f"the s3 URL is not a URL; {_FORM}") from None
    if "@" in parts.netloc:
        raise ConfigurationError("an s3 URL holds no credentials; they come from the AWS environment or a profile")
    if parts.fragment:
        raise ConfigurationError(f"the s3 URL has a fragment; {_FORM}")
    bucket, query = _bucket(parts.netloc), _once(pairs)
    endpoint = _value(query, "endpoint", _endpoint, "of the form http://HOST:PORT or https://HOST")
    # A certificate for *.s3.amazonaws.com does not hold for a bucket's name with dots.
    style = _value(query, "style", _style, "path or virtual") or ("path" if endpoint or "." in bucket else "virtual")
    return Address(
        bucket,
        _prefix(unquote(parts.path)),
        endpoint,
        _value(query, "region", _region, "a region, as in region=eu-west-1"),
        style == "virtual",
        _value(query, "ca", _path, "the absolute path of a file with certificates in PEM"),
        query.get("profile") or None,
        _value(query, "timeout", _seconds, "a number of seconds from 0 to 3600") or TIMEOUT,
    )


def _bucket(name: str) -> str:
    if not _BUCKET.fullmatch(name) or ".-" in name or "-." in name or _is_ip(name):
        raise ConfigurationError(
            f"'{name}' can't be the name of a bucket, which is 3 to 63 of a-z 0-9 - . with a letter or digit at both "
            f"ends; {_FORM}"
        )
    return name


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _prefix(path: str) -> str:
    """The path without its slashes at both ends, and one at the end where there is anything."""
    prefix = path.removeprefix("/").removesuffix("/")
    if not prefix:
        if path not in ("", "/"):
            raise ConfigurationError("the prefix in the s3 URL is empty between its slashes; leave it out")
        return ""
    for segment in prefix.split("/"):
        if not _is_segment(segment):
            raise ConfigurationError(
                f"'{segment}' can't be a part of the prefix in the s3 URL; each is letters, digits, _ - and, inside, "
                f"dots, up to {_SEGMENT_BYTES} bytes"
            )
    if len(prefix.encode()) > _PREFIX_BYTES:
        raise ConfigurationError(f"the prefix in the s3 URL is longer than {_PREFIX_BYTES} bytes")
    return f"{prefix}/"


def _is_segment(text: str) -> bool:
    return (
        text != ""
        and text[0] != "."
        and text[-1] != "."
        and all(character in "_-." or unicodedata.category(character)[0] in "LMN" for character in text)
        and len(text.encode()) <= _SEGMENT_BYTES
    )


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in _KNOWN:
            raise ConfigurationError(f"an s3 URL does not know '{name}'; it knows: {', '.join(_KNOWN)}")
        if name in query:
            raise ConfigurationError(f"the s3 URL says '{name}' more than once")
        query[name] = value
    return query


def _value(query: dict[str, str], name: str, parse: Callable[[str], T], form: str) -> T | None:
    if name not in query:
        return None
    try:
        return parse(query[name])
    except ValueError:
        shown = "" if name == "endpoint" else f"={query[name]}"  # somebody may have put a password there
        raise ConfigurationError(f"{name}{shown} in the s3 URL is not {form}") from None


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    is_origin = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_origin or parts.port == 0:
        raise ValueError(text)
    return f"{parts.scheme}://{parts.netloc}"


def _style(text: str) -> str:
    if text not in ("path", "virtual"):
        raise ValueError(text)
    return text


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(text)
    return text


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(text)
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST:  # also false for what is not a number
        raise ValueError(text)
    return seconds
