"""The clients of a bucket: `fast_get` for GETs, obstore for other frequent requests, botocore for the rest."""

import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]
from obstore.exceptions import BaseError
from obstore.store import S3Store

from pymager.errors import ConfigurationError
from pymager_aws.credentials import Credentials
from pymager_aws.session import configured_region, new_session
from pymager_aws.sigv4 import Signer
from pymager_s3.fast_get import FastGetClient
from pymager_s3.get_request import GetRequests
from pymager_s3.url import S3Url

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

MAX_BOTOCORE_CONNECTIONS = 32
_MAX_RETRIES = 6
_FIRST_PAUSE = timedelta(milliseconds=50)
_MAX_PAUSE = timedelta(seconds=1)
_NO_LIMIT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Clients:
    """`fast_get` for GETs, with `reads` as its fallback; `reads` and `writes` are obstore's.

    `reads` closes a connection on which nothing arrives. `writes` does not: nothing arrives during a slow upload.
    """

    fast_get: FastGetClient
    reads: S3Store
    writes: S3Store


class BotocoreClient:
    """Creates botocore's client on the first call, which takes 0.3 s. The client blocks and does not retry."""

    def __init__(self, url: S3Url) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._client: Any = None

    def __call__(self) -> Any:
        """The client; call it in a thread. Raises `ConfigurationError`."""
        with self._lock:
            if self._client is None:
                self._client = self._create()
        return self._client

    def _create(self) -> Any:
        session = new_session(self._url.profile)
        return session.create_client(
            "s3",
            region_name=region_of(session, self._url),
            endpoint_url=self._url.endpoint,
            verify=self._url.ca,
            config=_botocore_config(self._url),
        )


def create_clients(url: S3Url, credentials: Credentials) -> Clients:
    """Create the clients. Blocking: reads files, but sends no request. Raises `ConfigurationError`."""
    session = new_session(url.profile)
    region = region_of(session, url)
    options = _client_options(url, _certificates(url.ca))
    stall = url.timeout / 3
    try:
        endpoint = _bucket_endpoint(session, region, url)
        reads = _store(url, endpoint, region, credentials, options | {"read_timeout": timedelta(seconds=stall)})
        writes = _store(url, endpoint, region, credentials, options)
    except (BotoCoreError, BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"the s3 URL is not valid for the bucket '{url.bucket}': {reason}") from None
    root = "/" if url.is_virtual else f"/{url.bucket}/"
    requests = GetRequests(Signer("s3", region, urlsplit(endpoint).netloc), root, credentials)
    return Clients(FastGetClient(endpoint, requests, ca=url.ca, timeout=stall), reads, writes)


def region_of(session: Any, url: S3Url) -> str:
    """The region that the URL, the environment or the profile names. Raises `ConfigurationError`."""
    region = url.region or configured_region(session) or ("us-east-1" if url.endpoint else None)
    if region is None:
        raise ConfigurationError(
            f"the region of the bucket '{url.bucket}' is not configured; set region= in the URL or AWS_REGION"
        )
    return region


def _bucket_endpoint(session: Any, region: str, url: S3Url) -> str:
    parts = urlsplit(url.endpoint or _aws_endpoint(session, region))
    host = f"{url.bucket}.{parts.netloc}" if url.is_virtual else parts.netloc
    return f"{parts.scheme}://{host}"


def _aws_endpoint(session: Any, region: str) -> str:
    """S3's endpoint in a region; China and the government clouds have their own domains."""
    partition = session.get_partition_for_region(region)
    suffix = session.get_component("endpoint_resolver").get_partition_dns_suffix(partition)
    return f"https://s3.{region}.{suffix}"


def _certificates(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read ca={path} in the s3 URL: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigurationError(f"ca={path} in the s3 URL must be a file with PEM certificates; it has none")
    return content


def _client_options(url: S3Url, ca: bytes | None) -> "ClientConfig":
    """obstore's `timeout` includes the time that a slow client takes to read a body, so it is not used."""
    options: ClientConfig = {
        "allow_http": url.endpoint is not None and url.endpoint.startswith("http:"),
        "connect_timeout": timedelta(seconds=url.timeout / 3),
        "timeout": _NO_LIMIT,
        "user_agent": "pymager",
    }
    if ca is not None:
        options["root_certificate"] = ca
    return options


def _store(url: S3Url, endpoint: str, region: str, credentials: Credentials, options: "ClientConfig") -> S3Store:
    retries: RetryConfig = {
        "max_retries": _MAX_RETRIES,
        "retry_timeout": timedelta(seconds=url.timeout),
        "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _MAX_PAUSE, "base": 2},
    }
    return S3Store(
        url.bucket,
        # Every option is set, because obstore reads missing ones from the environment.
        config={
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,
            "region": region,
            "virtual_hosted_style_request": url.is_virtual,
            "checksum_algorithm": "sha256",
            "skip_signature": False,
            "unsigned_payload": False,
        },
        client_options=options,
        retry_config=retries,
        credential_provider=credentials,
    )


def _botocore_config(url: S3Url) -> Any:
    return Config(
        connect_timeout=url.timeout / 3,
        read_timeout=url.timeout / 2,
        max_pool_connections=MAX_BOTOCORE_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
        user_agent="pymager",
        s3={
            "addressing_style": "virtual" if url.is_virtual else "path",
            "payload_signing_enabled": True,
            "us_east_1_regional_endpoint": "regional",
        },
    )
