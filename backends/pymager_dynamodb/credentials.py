"""Credentials as boto3 finds them: environment, profile, web identity, container, instance.

botocore looks for them with blocking calls, so it does that in a thread; the event loop only sees what it found.
"""

import asyncio
from time import monotonic
from typing import Any

import botocore.session  # type: ignore[import-untyped]
from aiodynamo.credentials import Key
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

_SOON = 900  # seconds before the end of credentials: ask for new ones, meanwhile these do
_AT_ONCE = 120  # seconds before their end: wait for the new ones
_LOOK = 10.0
_REQUEST = 4.0
_WRONG = (ProfileNotFound, PartialCredentialsError, ConfigNotFound, ConfigParseError)
_NONE = (
    "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
    "name a profile in the URL, or give the machine a role"
)


def new_session(profile: str | None) -> Any:
    """A session of botocore whose own requests, to AWS STS say, are bounded. Reads no file yet."""
    session = botocore.session.Session(profile=profile)
    limits = Config(connect_timeout=_REQUEST, read_timeout=_REQUEST, retries={"total_max_attempts": 2})
    session.set_default_client_config(limits)
    return session


class Credentials:
    """What the AWS chain finds. It is renewed before it ends, without anyone waiting for that."""

    def __init__(self, profile: str | None) -> None:
        self._profile = profile
        self._found: Any = None
        self._key: Key | None = None
        self._look_at = 0.0
        self._search: asyncio.Task[None] | None = None

    @property
    def key(self) -> Key | None:
        """The key, unless it is time to look how long it still holds."""
        return self._key if monotonic() < self._look_at else None

    async def found(self, seconds: float) -> Key:
        """The key, after a look. Raises `ConfigurationError` where there is none, and `Unavailable`."""
        if self._key is None or self._ends_within(_AT_ONCE):
            try:
                await self._searched(seconds)
            except Unavailable:
                if self._key is None or self._ends_within(0):
                    raise
        elif self._ends_within(_SOON):
            self._searching()
        if self._key is None:
            raise Unavailable("the AWS credentials were refused while they were looked for", outcome_known=True)
        self._look_at = monotonic() + _LOOK
        return self._key

    def forget(self) -> None:
        """They are refused: the next request looks for them anew, in changed files too."""
        self._key = self._found = None
        self._look_at = 0.0

    async def close(self, seconds: float) -> None:
        """Wait for a search that is under way, up to so many seconds."""
        if self._search is not None:
            await asyncio.wait([self._search], timeout=seconds)
            self._search.cancel()

    def _ends_within(self, seconds: int) -> bool:
        asked = getattr(self._found, "refresh_needed", None)  # only credentials that end have it
        return asked is not None and bool(asked(seconds))

    async def _searched(self, seconds: float) -> None:
        search = self._searching()
        done, _ = await asyncio.wait([search], timeout=seconds)
        if not done:
            raise Unavailable("the AWS credentials did not come in time", outcome_known=True)
        search.result()

    def _searching(self) -> asyncio.Task[None]:
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._look())
            self._search.add_done_callback(_seen)
        return self._search

    async def _look(self) -> None:
        self._found, self._key = await asyncio.to_thread(_find, self._found, self._profile)


def _seen(search: asyncio.Task[None]) -> None:
    if not search.cancelled():
        search.exception()  # who waits for it is told; where nobody does the next search will tell


def _find(found: Any, profile: str | None) -> tuple[Any, Key]:
    try:
        found = found or new_session(profile).get_credentials()
        if found is None:
            raise ConfigurationError(_NONE)
        frozen = found.get_frozen_credentials()
    except _WRONG as error:
        raise ConfigurationError(f"the AWS configuration is not right: {error}") from error
    except (BotoCoreError, ClientError, RuntimeError) as error:  # RuntimeError: what came anew had ended already
        raise Unavailable(f"the AWS credentials can't be had: {error}", outcome_known=True) from error
    return found, Key(frozen.access_key, frozen.secret_key, frozen.token)
