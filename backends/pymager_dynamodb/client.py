"""A DynamoDB client: which requests are retried, and until when."""

import asyncio
import random
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import Any

import orjson
from aiodynamo.errors import (
    ExpiredToken,
    ProvisionedThroughputExceeded,
    RequestLimitExceeded,
    Throttled,
    TransactionCanceled,
    TransactionConflict,
    TransactionInProgress,
    UnknownError,
    UnrecognizedClient,
    exception_from_response,
)

from pymager.errors import ConfigurationError, Unavailable
from pymager_aws.credentials import Credentials, Key
from pymager_aws.sigv4 import Signer
from pymager_dynamodb.connection_pool import ConnectionPool, RequestNotSent, Response, ResponseLost
from pymager_dynamodb.fast_reads import FastReads

_CONTENT_TYPE = "application/x-amz-json-1.0"
_API_VERSION = "DynamoDB_20120810"
_MIN_ATTEMPT_SECONDS = 0.2
_MIN_POST_SECONDS = 0.001  # aiohttp takes 0 for no limit
_MAX_ATTEMPTS = 3
_MAX_ATTEMPTS_WITH_NEW_CREDENTIALS = 2
_MAX_ATTEMPTS_WHEN_THROTTLED = 1_000_000  # only the deadline ends the attempts
_FIRST_PAUSE_SECONDS = 0.05
_MAX_PAUSE_SECONDS = 1.0
_THROTTLED = (
    *(ProvisionedThroughputExceeded, RequestLimitExceeded, Throttled),
    *(TransactionConflict, TransactionInProgress),
)
_THROTTLED_CODES = frozenset(("TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"))
"""Codes of a canceled transaction that can succeed later (API reference, TransactWriteItems, "Errors")."""
_REJECTED_CREDENTIALS = (ExpiredToken, UnrecognizedClient)


class _RetryableError(Exception):
    """A failed attempt that may be repeated; `final` is raised if it is not."""

    def __init__(self, final: Unavailable, *, max_attempts: int) -> None:
        super().__init__(str(final))
        self.final = final
        self.max_attempts = max_attempts


@dataclass(frozen=True, slots=True)
class DynamoClient:
    """Sends requests. Each ends within `timeout` seconds, including all attempts and pauses.

    A mutation is retried only if DynamoDB reports that it did not apply it (throttled, expired credentials) or if
    nothing was sent. A read is retried also if its response was lost.
    """

    pool: ConnectionPool
    fast_reads: FastReads
    credentials: Credentials
    signer: Signer
    timeout: float

    def deadline(self) -> float:
        """When a call that begins now must end, on the monotonic clock."""
        return monotonic() + self.timeout

    async def read(self, action: str, body: bytes, deadline: float | None = None) -> Any:
        """The response to a read. Raises aiodynamo's error for a refusal, and `Unavailable`."""
        return await self._call(action, body, deadline, is_mutation=False)

    async def mutate(self, action: str, body: bytes, deadline: float | None = None) -> Any:
        """The response to a mutation, which is applied at most once. Raises as `read` does."""
        return await self._call(action, body, deadline, is_mutation=True)

    async def _call(self, action: str, body: bytes, deadline: float | None, *, is_mutation: bool) -> Any:
        end = self.deadline() if deadline is None else deadline
        attempt, pause = 1, _FIRST_PAUSE_SECONDS
        while True:
            # A read whose response gets lost needs time for another attempt.
            share = 1.0 if is_mutation or attempt >= _MAX_ATTEMPTS else 0.5
            try:
                return await self._attempt(action, body, end, share, is_mutation=is_mutation)
            except _RetryableError as error:
                wait = random.uniform(pause / 2, pause)  # noqa: S311
                if attempt >= error.max_attempts or monotonic() + wait + _MIN_ATTEMPT_SECONDS > end:
                    raise error.final from error.__cause__
                await asyncio.sleep(wait)
                if (
                    monotonic() + _MIN_ATTEMPT_SECONDS > end
                ):  # the pause took too long; this error says more than a lost response
                    raise error.final from error.__cause__
            attempt, pause = attempt + 1, min(2 * pause, _MAX_PAUSE_SECONDS)

    async def _attempt(self, action: str, body: bytes, end: float, share: float, *, is_mutation: bool) -> Any:
        key = self.credentials.key or await self._find_key(end)
        timeout = (end - monotonic()) * share
        if timeout <= 0:
            raise Unavailable("the time limit passed before the request to DynamoDB was sent", outcome_known=True)
        try:
            response = await self._post(self._headers(key, action, body), body, timeout, is_mutation=is_mutation)
        except RequestNotSent as error:
            final = Unavailable(f"DynamoDB is unreachable: {error}", outcome_known=True)
            raise _RetryableError(final, max_attempts=_MAX_ATTEMPTS) from error
        except ResponseLost as error:
            raise _lost_response(f"no response from DynamoDB: {error}", is_mutation=is_mutation) from error
        if response.status == 200:
            return _decoded(response.body, is_mutation=is_mutation)
        raise self._error(response.status, response.body, is_mutation=is_mutation)

    async def _post(self, headers: dict[str, str], body: bytes, timeout: float, *, is_mutation: bool) -> Response:
        """A failure on one connection makes all later requests use new ones, whatever they are."""
        end = monotonic() + timeout
        if not is_mutation:
            try:
                response = await self.fast_reads.post(headers, body, timeout)
            except (RequestNotSent, ResponseLost):
                await self.pool.renew()
                raise
            if response is not None:
                return response
        try:
            return await self.pool.post(headers, body, max(end - monotonic(), _MIN_POST_SECONDS))
        except (RequestNotSent, ResponseLost):
            self.fast_reads.renew()
            raise

    def _headers(self, key: Key, action: str, body: bytes) -> dict[str, str]:
        extra = (("content-type", _CONTENT_TYPE), ("x-amz-target", f"{_API_VERSION}.{action}"))
        return self.signer.headers(key, "POST", "/", extra, sha256(body).hexdigest())

    async def _find_key(self, end: float) -> Key:
        try:
            return await self.credentials.get(end - monotonic())
        except ConfigurationError as error:  # there were credentials when the store was opened
            raise Unavailable(str(error), outcome_known=True) from error

    def _error(self, status: int, body: bytes, *, is_mutation: bool) -> Exception:
        """The error for a response that is not a success."""
        if not 400 <= status < 500:
            return _lost_response(f"DynamoDB responded with status {status}", is_mutation=is_mutation)
        error = exception_from_response(status, body)
        if isinstance(error, _REJECTED_CREDENTIALS):
            self.credentials.forget()
            final = Unavailable(f"DynamoDB rejected the credentials: {reason(error)}", outcome_known=True)
            return _RetryableError(final, max_attempts=_MAX_ATTEMPTS_WITH_NEW_CREDENTIALS)
        if isinstance(error, _THROTTLED) or _is_conflict(error) or _is_throttled_transaction(error):
            final = Unavailable(f"DynamoDB throttled the request: {reason(error)}", outcome_known=True)
            return _RetryableError(final, max_attempts=_MAX_ATTEMPTS_WHEN_THROTTLED)
        return error


def reason(error: Exception) -> str:
    """DynamoDB's message in one line: after a wrong signature the next lines repeat the session token."""
    content = error.args[0] if error.args else ""
    if isinstance(error, UnknownError):
        content = _parsed(error.body)
    if isinstance(content, dict):
        kind = str(content.get("__type", "")).rpartition("#")[2]
        message = str(content.get("message") or content.get("Message") or "")
        content = f"{kind}: {message}" if message else kind
    return str(content).partition("\n")[0][:300] or type(error).__name__


def _is_conflict(error: Exception) -> bool:
    """Whether a write conflicted with one in another region of a global table. It was not applied."""
    return isinstance(error, UnknownError) and reason(error).startswith("ReplicatedWriteConflictException")


def _is_throttled_transaction(error: Exception) -> bool:
    """Whether a transaction was canceled only because of others. It was not applied."""
    if not isinstance(error, TransactionCanceled):
        return False
    return {found.code for found in error.cancellation_reasons if found is not None} <= _THROTTLED_CODES


def _lost_response(message: str, *, is_mutation: bool) -> Exception:
    final = Unavailable(message, outcome_known=not is_mutation)
    return final if is_mutation else _RetryableError(final, max_attempts=_MAX_ATTEMPTS)


def _decoded(body: bytes, *, is_mutation: bool) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _lost_response("the response is not JSON, so it is not from DynamoDB", is_mutation=is_mutation) from error


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return "a response that is not from DynamoDB"
