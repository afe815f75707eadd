"""botocore sessions: where the AWS configuration and the credentials come from."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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

REQUEST_TIMEOUT_SECONDS = 4.0
_MAX_ATTEMPTS = 2
_CONFIGURATION_ERRORS = (ProfileNotFound, PartialCredentialsError, ConfigNotFound, ConfigParseError)


def new_session(profile: str | None) -> Any:
    """A botocore session whose own requests, for example to AWS STS, have a time limit. Reads no file yet."""
    session = botocore.session.Session(profile=profile)
    limits = Config(
        connect_timeout=REQUEST_TIMEOUT_SECONDS,
        read_timeout=REQUEST_TIMEOUT_SECONDS,
        retries={"total_max_attempts": _MAX_ATTEMPTS},
    )
    session.set_default_client_config(limits)
    return session


def configured_region(session: Any) -> str | None:
    """The region from the environment or the profile. Blocking. Raises `ConfigurationError`."""
    with translated_errors("region"):
        found = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    return str(found) if found else None


@contextmanager
def translated_errors(wanted: str) -> Iterator[None]:
    """Translate botocore's errors during the lookup of `wanted` into `ConfigurationError` and `Unavailable`.

    Errors are not chained: a cause can quote the request that failed.
    """
    try:
        yield
    except _CONFIGURATION_ERRORS as error:
        raise ConfigurationError(f"invalid AWS configuration: {error}") from None
    # RuntimeError: the renewed credentials had already expired. OSError: a credential_process did not run.
    except (BotoCoreError, ClientError, RuntimeError, OSError) as error:
        raise Unavailable(f"cannot get the AWS {wanted}: {error}", outcome_known=True) from None
