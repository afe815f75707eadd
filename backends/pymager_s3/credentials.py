"""Credentials as boto3 finds them: environment, profile, web identity, container, instance.

botocore looks for them with blocking calls, so it does that in a thread; the event loop only sees what it found.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.session  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    PartialCredentialsError,
    ProfileNotFound,
)

from pymager.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from obstore.store import S3Credential

# botocore renews what ends in 10 minutes before it hands it out, so what it gave holds at least as long as this.
_KEPT = timedelta(minutes=9)
_REQUEST = 4.0
_WRONG = (ProfileNotFound, PartialCredentialsError, ConfigNotFound, ConfigParseError)
_NONE = (
    "no AWS credentials were found in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the shared credentials and "
    "configuration files (AWS_PROFILE, or profile= in the URL), from a web identity (AWS_ROLE_ARN and "
    "AWS_WEB_IDENTITY_TOKEN_FILE), from the container or from the instance"
)


def new_session(profile: str | None) -> Any:
    """A session of botocore whose own requests, to AWS STS say, are bounded. Reads no file yet."""
    session = botocore.session.Session(profile=profile)
    limits = Config(connect_timeout=_REQUEST, read_timeout=_REQUEST, retries={"total_max_attempts": 2})
    session.set_default_client_config(limits)
    return session


def configured_region(session: Any) -> str | None:
    """The region that the environment or the profile names. Raises `ConfigurationError`."""
    try:
        found = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    except _WRONG as error:
        raise ConfigurationError(f"the AWS configuration is not right: {error}") from None
    return str(found) if found else None


class Credentials:
    """What the AWS chain finds; called by obstore when it has none that still hold. One search serves all."""

    def __init__(self, profile: str | None) -> None:
        self._profile = profile
        self._found: Any = None
        self._search: asyncio.Task[S3Credential] | None = None

    async def __call__(self) -> "S3Credential":
        """The credentials. Raises `ConfigurationError` where there are none, and `Unavailable`."""
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(asyncio.to_thread(self._look))
            self._search.add_done_callback(_seen)
        return await asyncio.shield(self._search)

    async def close(self) -> None:
        """Wait for a search that is under way, as long as one request of it may take."""
        if self._search is not None:
            await asyncio.wait([self._search], timeout=_REQUEST)
            self._search.cancel()

    def _look(self) -> "S3Credential":
        try:
            # Only credentials that end renew themselves; others are read anew, since a file may have changed.
            if not hasattr(self._found, "refresh_needed"):
                self._found = new_session(self._profile).get_credentials()
            if self._found is None:
                raise ConfigurationError(_NONE)
            frozen = self._found.get_frozen_credentials()
        except _WRONG as error:
            raise ConfigurationError(f"the AWS configuration is not right: {error}") from None
        except (BotoCoreError, ClientError, RuntimeError, OSError) as error:
            raise Unavailable(f"the AWS credentials can't be had: {error}", outcome_known=True) from None
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _KEPT,
        }


def _seen(search: "asyncio.Task[S3Credential]") -> None:
    if not search.cancelled():
        search.exception()  # who waits for it is told; where nobody does the next search will tell
