"""Credentials as boto3 finds them: environment, profile, web identity, container, instance.

botocore's lookup blocks, so it runs in a thread. The event loop only sees the result.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from pymager.errors import ConfigurationError, Unavailable
from pymager_aws.session import REQUEST_TIMEOUT_SECONDS, new_session, translated_errors

if TYPE_CHECKING:
    from obstore.store import S3Credential

_RENEW_SECONDS = 900  # renewal starts this long before the expiry; the old credentials stay in use meanwhile
_MIN_VALID_SECONDS = 120  # if the credentials expire sooner than this, a request waits for new ones
_CHECK_INTERVAL_SECONDS = 10.0
_LOOKUP_INTERVAL_SECONDS = 540.0  # how often credentials that never expire are read again: a file may have changed
# obstore requests a new key 5 minutes before the old one expires, so it uses a key for 4 minutes at most.
_PROVIDED_MIN_VALID_SECONDS = 600
_PROVIDED_LIFETIME = timedelta(minutes=9)
_NOT_FOUND = (
    "no AWS credentials found in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the shared credentials and "
    "configuration files (AWS_PROFILE, or profile= in the URL), through a web identity (AWS_ROLE_ARN and "
    "AWS_WEB_IDENTITY_TOKEN_FILE), from the container or from the instance; set one of them"
)


@dataclass(frozen=True, slots=True)
class Key:
    """An AWS access key; `token` is the session token of temporary credentials."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Credentials:
    """Finds credentials, and renews them in the background before they expire.

    A request uses `key`, or `await get()` if `key` is None. An instance is also a `credential_provider` of obstore.
    Concurrent callers share one lookup.
    """

    def __init__(self, profile: str | None) -> None:
        self._profile = profile
        self._found: Any = None
        self._key: Key | None = None
        self._check_at = self._look_up_at = 0.0
        self._lookup: asyncio.Task[None] | None = None

    @property
    def key(self) -> Key | None:
        """The key, or None when it is time to check how long it remains valid."""
        return self._key if monotonic() < self._check_at else None

    async def get(self, timeout: float | None = None, *, min_valid: float = _MIN_VALID_SECONDS) -> Key:
        """The key, valid for `min_valid` seconds if possible; waits `timeout` seconds for a lookup.

        Raises `ConfigurationError` when there are no credentials, and `Unavailable`.
        """
        if self._key is None or self._expires_within(min_valid):
            try:
                await self._wait_for_lookup(timeout)
            except Unavailable:
                if self._key is None or self._expires_within(0):
                    raise
        elif self._expires_within(_RENEW_SECONDS) or monotonic() > self._look_up_at:
            self._start_lookup()
        if self._key is None:
            raise Unavailable("the AWS credentials were rejected during their lookup", outcome_known=True)
        self._check_at = monotonic() + _CHECK_INTERVAL_SECONDS
        return self._key

    async def __call__(self) -> "S3Credential":
        """The key for obstore. Raises as `get` does."""
        key = await self.get(min_valid=_PROVIDED_MIN_VALID_SECONDS)
        return {
            "access_key_id": key.id,
            "secret_access_key": key.secret,
            "token": key.token,
            "expires_at": datetime.now(UTC) + _PROVIDED_LIFETIME,
        }

    def forget(self) -> None:
        """Drop rejected credentials: the next request looks them up again, also in files that changed."""
        self._key = self._found = None
        self._check_at = 0.0

    async def close(self, timeout: float = REQUEST_TIMEOUT_SECONDS) -> None:
        """Wait up to `timeout` seconds for a lookup that is in progress."""
        if self._lookup is not None:
            await asyncio.wait([self._lookup], timeout=timeout)
            self._lookup.cancel()

    def _expires_within(self, seconds: float) -> bool:
        refresh_needed = getattr(self._found, "refresh_needed", None)  # only credentials that expire have it
        return refresh_needed is not None and bool(refresh_needed(seconds))

    async def _wait_for_lookup(self, timeout: float | None) -> None:
        lookup = self._start_lookup()
        done, _ = await asyncio.wait([lookup], timeout=timeout)
        if not done:
            raise Unavailable("the lookup of the AWS credentials took too long", outcome_known=True)
        lookup.result()

    def _start_lookup(self) -> asyncio.Task[None]:
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.create_task(self._look_up())
            self._lookup.add_done_callback(_retrieve_exception)
        return self._lookup

    async def _look_up(self) -> None:
        self._found, self._key = await asyncio.to_thread(_find, self._found, self._profile)
        self._look_up_at = monotonic() + _LOOKUP_INTERVAL_SECONDS


def _retrieve_exception(lookup: asyncio.Task[None]) -> None:
    """Keep asyncio from reporting an unretrieved error: the next lookup raises it again."""
    if not lookup.cancelled():
        lookup.exception()


def _find(found: Any, profile: str | None) -> tuple[Any, Key]:
    """botocore's credentials and their key. Credentials that never expire are read again."""
    with translated_errors("credentials"):
        if not hasattr(found, "refresh_needed"):
            found = new_session(profile).get_credentials()
        if found is None:
            raise ConfigurationError(_NOT_FOUND)
        frozen = found.get_frozen_credentials()
    return found, Key(frozen.access_key, frozen.secret_key, frozen.token)
