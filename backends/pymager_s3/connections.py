"""The ways to a bucket: obstore for what is done often, botocore for what is done seldom."""

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
from pymager_s3.address import Address
from pymager_s3.credentials import Credentials, configured_region, new_session
from pymager_s3.fetching import Fetching

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

_RETRIES = 6
_FIRST_PAUSE = timedelta(milliseconds=50)
_LONGEST_PAUSE = timedelta(seconds=1)
_ANY_TIME = timedelta(days=30)
_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Connections:
    """The bucket three times: `fetching` for GETs, and obstore for them where that can't, and for all else.

    `reads` gives up a connection that stalls; a slow upload is no stall, so `writes` waits.
    """

    fetching: Fetching
    reads: S3Store
    writes: S3Store


class Client:
    """botocore's client, blocking and without retries, made when it is first called for: that takes 0.3 s."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._made: Any = None

    def __call__(self) -> Any:
        """The client, in a thread only. Raises `ConfigurationError`."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return self._made

    def _make(self) -> Any:
        session = new_session(self._address.profile)
        return session.create_client(
            "s3",
            region_name=region_of(session, self._address),
            endpoint_url=self._address.endpoint,
            verify=self._address.ca,
            config=_config(self._address),
        )


def connect(address: Address, credentials: Credentials) -> Connections:
    """The ways to the bucket; asks no server, but reads files. Raises `ConfigurationError`."""
    session = new_session(address.profile)
    region = region_of(session, address)
    ca = _certificates(address.ca)
    options = _options(address, ca)
    patient = options | {"read_timeout": timedelta(seconds=address.timeout / 3)}
    try:
        endpoint = _endpoint_of(session, region, address)
        reads = _store(address, endpoint, region, credentials, patient)
        writes = _store(address, endpoint, region, credentials, options)
    except (BotoCoreError, BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigurationError(f"the bucket '{address.bucket}' can't be reached as the URL says: {reason}") from None
    root = "/" if address.is_virtual else f"/{address.bucket}/"
    fetching = Fetching(endpoint, root, region, credentials, ca=address.ca, seconds=address.timeout / 3)
    return Connections(fetching, reads, writes)


def region_of(session: Any, address: Address) -> str:
    """The region that the URL, the environment or the profile names. Raises `ConfigurationError`."""
    found = address.region or configured_region(session) or ("us-east-1" if address.endpoint else None)
    if found is None:
        raise ConfigurationError(
            f"no region is known for the bucket '{address.bucket}'; say it with region= in the URL or AWS_REGION"
        )
    return found


def _endpoint_of(session: Any, region: str, address: Address) -> str:
    root = address.endpoint or _aws(session, region)
    parts = urlsplit(root)
    host = f"{address.bucket}.{parts.netloc}" if address.is_virtual else parts.netloc
    return f"{parts.scheme}://{host}"


def _aws(session: Any, region: str) -> str:
    """S3's endpoint of a region; China and the government clouds have domains of their own."""
    partition = session.get_partition_for_region(region)
    suffix = session.get_component("endpoint_resolver").get_partition_dns_suffix(partition)
    return f"https://s3.{region}.{suffix}"


def _certificates(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        found = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"ca={path} in the s3 URL can't be read: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" not in found:
        raise ConfigurationError(f"ca={path} in the s3 URL holds no certificate in PEM")
    return found


def _options(address: Address, ca: bytes | None) -> "ClientConfig":
    """How connections are made. `timeout` counts until the last byte was read, by a slow client say: ours count."""
    options: ClientConfig = {
        "allow_http": address.endpoint is not None and address.endpoint.startswith("http:"),
        "connect_timeout": timedelta(seconds=address.timeout / 3),
        "timeout": _ANY_TIME,
        "user_agent": "pymager",
    }
    if ca is not None:
        options["root_certificate"] = ca
    return options


def _store(address: Address, endpoint: str, region: str, credentials: Credentials, options: "ClientConfig") -> S3Store:
    retries: RetryConfig = {
        "max_retries": _RETRIES,
        "retry_timeout": timedelta(seconds=address.timeout),
        "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
    }
    return S3Store(
        address.bucket,
        # Said in full, since obstore would read what is left out from the environment.
        config={
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,
            "region": region,
            "virtual_hosted_style_request": address.is_virtual,
            "checksum_algorithm": "sha256",
            "skip_signature": False,
            "unsigned_payload": False,
        },
        client_options=options,
        retry_config=retries,
        credential_provider=credentials,
    )


def _config(address: Address) -> Any:
    return Config(
        connect_timeout=address.timeout / 3,
        read_timeout=address.timeout / 2,
        max_pool_connections=_CONNECTIONS,
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        ignore_configured_endpoint_urls=True,
        user_agent="pymager",
        s3={
            "addressing_style": "virtual" if address.is_virtual else "path",
            "payload_signing_enabled": True,
            "us_east_1_regional_endpoint": "regional",
        },
    )
