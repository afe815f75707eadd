"""The s3 URL: `s3://BUCKET/PREFIX?endpoint=...&region=...&style=...&ca=...&profile=...&timeout=...`."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote

from pymager.errors import ConfigurationError
from pymager.ports import MAX_KEY_SEGMENT_BYTES, is_key_segment
from pymager_aws import url

DEFAULT_TIMEOUT_SECONDS = 10.0
_PARAMETERS = ("ca", "endpoint", "profile", "region", "style", "timeout")
_FORM = "s3://BUCKET or s3://BUCKET/PREFIX, with ?endpoint=http://HOST:PORT for a server other than AWS"
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")  # Amazon S3 user guide, bucket naming rules
_MAX_PREFIX_BYTES = 300  # with a key of 700 bytes it stays within the 1024 that S3 allows


@dataclass(frozen=True, slots=True)
class S3Url:
    """The location of blobs. `prefix` is empty or ends in `/`. A field that is None comes from the AWS configuration.

    `is_virtual` puts the bucket into the host name; otherwise it is in the path. `timeout` is in seconds.
    """

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None
    is_virtual: bool
    ca: str | None
    profile: str | None
    timeout: float


def parse_url(text: str, *, any_prefix: bool = False) -> S3Url:
    """Raises `ConfigurationError`. With `any_prefix`, the prefix can contain what no key of a blob store can."""
    parts = url.parse(text, _FORM, _PARAMETERS)
    _check_bucket(parts.name)
    endpoint = parts.endpoint
    # A certificate for *.s3.amazonaws.com is not valid for a bucket name with dots.
    style = parts.value("style", _style, "path or virtual") or ("path" if endpoint or "." in parts.name else "virtual")
    return S3Url(
        parts.name,
        _any_prefix(unquote(parts.path)) if any_prefix else _prefix(unquote(parts.path)),
        endpoint,
        parts.region,
        style == "virtual",
        parts.value("ca", _absolute_path, "the absolute path of a file with PEM certificates"),
        parts.profile,
        parts.timeout or DEFAULT_TIMEOUT_SECONDS,
    )


def _check_bucket(name: str) -> None:
    if not _BUCKET.fullmatch(name) or ".-" in name or "-." in name or _is_ip(name):
        raise ConfigurationError(
            "the bucket name in the s3 URL must be 3 to 63 characters of a-z 0-9 - . with a letter or digit at both "
            f"ends, got '{name[:100]}'; the URL must be {_FORM}"
        )


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _any_prefix(path: str) -> str:
    return f"{path.strip('/')}/" if path.strip("/") else ""


def _prefix(path: str) -> str:
    """The path as a prefix of keys: empty, or with a slash at its end only."""
    prefix = path.removeprefix("/").removesuffix("/")
    if not prefix:
        if path not in ("", "/"):
            raise ConfigurationError(
                "the prefix in the s3 URL must not be empty; write s3://BUCKET for the whole bucket"
            )
        return ""
    for segment in prefix.split("/"):
        if not is_key_segment(segment):
            raise ConfigurationError(
                "each segment of the prefix in the s3 URL must be letters, digits, _ - and inner dots, 1 to "
                f"{MAX_KEY_SEGMENT_BYTES} bytes, got '{segment[:100]}'"
            )
    if len(prefix.encode()) > _MAX_PREFIX_BYTES:
        raise ConfigurationError(f"the prefix in the s3 URL must be at most {_MAX_PREFIX_BYTES} bytes long")
    return f"{prefix}/"


def _style(text: str) -> str:
    if text not in ("path", "virtual"):
        raise ValueError(text)
    return text


def _absolute_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(text)
    return text
