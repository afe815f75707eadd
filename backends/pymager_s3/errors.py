"""Translation of obstore's and botocore's errors.

Messages contain the server's code and its one sentence, and no error is chained: the body of a rejected signature
quotes the request's headers, including a session token.
"""

import asyncio
import re
from dataclasses import dataclass
from types import TracebackType

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from obstore.exceptions import BaseError

from pymager.errors import BackendError, ConfigurationError, NoSpace, NotFound, Unavailable

CLIENT_ERRORS = (BaseError, FileNotFoundError, BotoCoreError, ClientError)

# obstore has exception classes for 404 and 403. Everything else is only in the text, which quotes the response body.
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
_STATUS = re.compile(r"status code: (\d{3})")
# What obstore puts before the reason.
_OBSTORE_PREFIX = re.compile(r"^.*(?: - |credential provider: (?:\w+: )?|Generic S3 error: )")
_MISSING_OBJECT_CODES = ("NoSuchKey", "404", "")
_FULL_CODES = ("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage", "507")
_DISK_FULL = "no space left on device"  # MinIO quotes its operating system
_REMEDIES = {
    "AccessDenied": "the credentials lack a permission; see the minimum IAM policy in docs/reference/backends.md",
    "AllAccessDisabled": "all access to it is disabled",
    "AuthorizationHeaderMalformed": "it is in another region; set region= in the URL",
    "InvalidAccessKeyId": "the server does not know the access key",
    "InvalidBucketName": "the server rejects its name",
    "PermanentRedirect": "it is in another region or needs another endpoint; set region= or endpoint= in the URL",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key",
    "301": "it is in another region; set region= in the URL",
    "403": "the credentials lack a permission; see the minimum IAM policy in docs/reference/backends.md",
    "certificate": "the server's certificate is not trusted; set ca= in the URL to its authority's certificates",
}


@dataclass(frozen=True, slots=True)
class ErrorDetails:
    """`code` is the server's error code, or an HTTP status, or empty; `message` is for people."""

    code: str
    message: str


def error_details(error: BaseException) -> ErrorDetails:
    """The details in an error of obstore or botocore."""
    if isinstance(error, ClientError):
        reply = error.response.get("Error", {})
        return ErrorDetails(str(reply.get("Code", "")), f"{reply.get('Code')}: {reply.get('Message')}")
    text = str(error)
    if "certificate" in text.lower():
        return ErrorDetails("certificate", "its certificate is not trusted")
    code, status, message = _CODE.search(text), _STATUS.search(text), _MESSAGE.search(text)
    if code is not None:
        return ErrorDetails(code[1], f"{code[1]}: {message[1]}" if message else code[1])
    if status is not None:
        return ErrorDetails(status[1], f"status {status[1]}")
    if "non-partial response" in text or "CONTENT_RANGE" in text:
        return ErrorDetails("NotPartial", "invalid response to a range request")
    if "redirect without LOCATION" in text:
        return ErrorDetails("301", "redirect without a location")
    return ErrorDetails("", _OBSTORE_PREFIX.sub("", text.partition("\n")[0])[:300].strip())


def is_bucket_missing(details: ErrorDetails) -> bool:
    """Whether the bucket does not exist."""
    return details.code == "NoSuchBucket"


def configuration_error(bucket: str, details: ErrorDetails) -> ConfigurationError | None:
    """The error to raise at startup; None when a later attempt can succeed."""
    if is_bucket_missing(details):
        return ConfigurationError(f"no bucket '{bucket}'; create it with: pymager init")
    if (remedy := _REMEDIES.get(details.code)) is not None:
        return ConfigurationError(f"cannot use the bucket '{bucket}' ({details.message}): {remedy}")
    return None


class BucketCall:
    """Context manager around requests to the bucket: limits them to `timeout` seconds and translates errors.

    `key` is the blob that a 404 is about, None if the request is not about a blob. Pass `outcome_known=False` around
    requests that can change something. A class and not a generator, since every hit passes through it.
    """

    __slots__ = ("_key", "_outcome_known", "_seconds", "_timeout")

    def __init__(self, timeout: float, key: str | None = None, *, outcome_known: bool = True) -> None:
        self._seconds = timeout
        self._key = key
        self._outcome_known = outcome_known

    async def __aenter__(self) -> None:
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            message = f"the bucket did not respond within {self._seconds:g} s"
            raise Unavailable(message, outcome_known=self._outcome_known) from None
        if isinstance(error, CLIENT_ERRORS):
            raise self._translated(error) from None

    def _translated(self, error: BaseException) -> BackendError:
        details = error_details(error)
        if self._key is not None and isinstance(error, FileNotFoundError) and details.code in _MISSING_OBJECT_CODES:
            return NotFound(self._key)
        if details.code in _FULL_CODES or _DISK_FULL in details.message:
            return NoSpace(f"the bucket is full: {details.message}")
        return Unavailable(
            f"request to the bucket failed: {details.message}",
            outcome_known=self._outcome_known or is_bucket_missing(details),
        )
