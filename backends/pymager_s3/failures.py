"""What the errors of obstore and botocore mean to a caller.

Messages hold the server's code and its one sentence, and no error is chained: the body of a refused signature quotes
the request's headers, a session's token among them.
"""

import asyncio
import re
from dataclasses import dataclass
from types import TracebackType

from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from obstore.exceptions import BaseError

from pymager.errors import BackendError, ConfigurationError, NoSpace, NotFound, Unavailable

RAISED = (BaseError, FileNotFoundError, BotoCoreError, ClientError)

# obstore tells 404 and 403 by an exception's class, and the rest only in its text, where the answer's body stands.
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,80})</Code>")
_SENTENCE = re.compile(r"<Message>([^<]{1,300})</Message>")
_STATUS = re.compile(r"status code: (\d{3})")
# What obstore puts before the reason.
_PATH_TO = re.compile(r"^.*(?: - |credential provider: (?:\w+: )?|Generic S3 error: )")
_ABSENT = ("NoSuchKey", "404", "")
_FULL = ("XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage", "507")
_FULL_DISK = "no space left on device"  # what MinIO quotes from its system
_WRONG = {
    "AccessDenied": "the credentials may not use it; see the least policy in docs/backends.md",
    "AllAccessDisabled": "all access to it is disabled",
    "AuthorizationHeaderMalformed": "it lies in another region; say which with region=",
    "InvalidAccessKeyId": "the server does not know the access key",
    "InvalidBucketName": "the server does not take its name",
    "PermanentRedirect": "it lies in another region or needs another endpoint; say which with region= or endpoint=",
    "SignatureDoesNotMatch": "the secret key is not that of the access key",
    "301": "it lies in another region; say which with region=",
    "403": "the credentials may not use it; see the least policy in docs/backends.md",
    "certificate": "the server's certificate is not trusted; name its authority with ca=",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: `code` is the server's, or a status, or empty; `sentence` is for people."""

    code: str
    sentence: str


def failure_of(error: BaseException) -> Failure:
    """What an error of obstore or botocore says."""
    if isinstance(error, ClientError):
        said = error.response.get("Error", {})
        return Failure(str(said.get("Code", "")), f"{said.get('Code')}: {said.get('Message')}")
    text = str(error)
    if "certificate" in text.lower():
        return Failure("certificate", "its certificate is not trusted")
    code, status, sentence = _CODE.search(text), _STATUS.search(text), _SENTENCE.search(text)
    if code is not None:
        return Failure(code[1], f"{code[1]}: {sentence[1]}" if sentence else code[1])
    if status is not None:
        return Failure(status[1], f"it answered {status[1]}")
    if "non-partial response" in text or "CONTENT_RANGE" in text:
        return Failure("NotPartial", "its answer to a range is not one")
    if "redirect without LOCATION" in text:
        return Failure("301", "it answered with a redirect")
    return Failure("", _PATH_TO.sub("", text.partition("\n")[0])[:300].strip())


def is_bucket_missing(failure: Failure) -> bool:
    """Whether it is the bucket that is not there."""
    return failure.code == "NoSuchBucket"


def misconfigured(bucket: str, failure: Failure) -> ConfigurationError | None:
    """What to raise while opening, where trying again later can't help."""
    if is_bucket_missing(failure):
        return ConfigurationError(f"there is no bucket '{bucket}'; make it with: pymager init")
    if (reason := _WRONG.get(failure.code)) is not None:
        return ConfigurationError(f"the bucket '{bucket}' can't be used ({failure.sentence}): {reason}")
    return None


class asked:  # noqa: N801 (a context manager that reads as one; a class, since every hit passes it)
    """Around a request: at most `seconds`, and a port's error in the place of any other.

    `key` is what a 404 means that is not about the bucket; None where there is no such thing. `outcome_known` is
    False around what may have changed something.
    """

    __slots__ = ("_key", "_outcome_known", "_seconds", "_timeout")

    def __init__(self, seconds: float, key: str | None = None, *, outcome_known: bool = True) -> None:
        self._seconds = seconds
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
            message = f"the bucket did not answer in {self._seconds:g} s"
            raise Unavailable(message, outcome_known=self._outcome_known) from None
        if isinstance(error, RAISED):
            raise self._translated(error) from None

    def _translated(self, error: BaseException) -> BackendError:
        failure = failure_of(error)
        if self._key is not None and isinstance(error, FileNotFoundError) and failure.code in _ABSENT:
            return NotFound(self._key)
        if failure.code in _FULL or _FULL_DISK in failure.sentence:
            return NoSpace(f"the bucket is full: {failure.sentence}")
        return Unavailable(
            f"the bucket did not do its work: {failure.sentence}",
            outcome_known=self._outcome_known or is_bucket_missing(failure),
        )
