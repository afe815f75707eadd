"""Requests to DynamoDB: what is sent again, what is not, and until when."""

import asyncio
import random
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson
from aiodynamo.credentials import Key
from aiodynamo.errors import (
    ExpiredToken,
    ProvisionedThroughputExceeded,
    RequestLimitExceeded,
    Throttled,
    TransactionConflict,
    TransactionInProgress,
    UnknownError,
    UnrecognizedClient,
    exception_from_response,
)

from pymager.errors import ConfigurationError, Unavailable
from pymager_dynamodb.connections import Connections, NoAnswer, NotSent
from pymager_dynamodb.credentials import Credentials
from pymager_dynamodb.signing import Signer

_LEAST = 0.2  # seconds without which another attempt is not begun
_LATER = (ProvisionedThroughputExceeded, RequestLimitExceeded, Throttled, TransactionConflict, TransactionInProgress)
_UNTRUSTED = (ExpiredToken, UnrecognizedClient)
_ATTEMPTS = 3
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class _Again(Exception):
    """An attempt that may be made again; `final` is what is raised where it is not."""

    def __init__(self, final: Unavailable, *, attempts: int) -> None:
        super().__init__(str(final))
        self.final = final
        self.attempts = attempts


_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Requests:
    """Sends requests. Each ends within `seconds`, all attempts and pauses included.

    A mutation is sent again only where DynamoDB has said that it did not do it (it throttles, or the credentials
    have ended), or where nothing was sent. A read is sent again also where its answer was lost.
    """

    connections: Connections
    credentials: Credentials
    signer: Signer
    seconds: float

    def deadline(self) -> float:
        """When a call that begins now has to end, on the monotonic clock."""
        return monotonic() + self.seconds

    async def read(self, action: str, body: bytes, until: float | None = None) -> Any:
        """The answer to a read. Raises aiodynamo's error that says why it was refused, and `Unavailable`."""
        return await self._call(action, body, until, changes=False)

    async def change(self, action: str, body: bytes, until: float | None = None) -> Any:
        """The answer to a mutation, which is done at most once. Raises as `read` does."""
        return await self._call(action, body, until, changes=True)

    async def _call(self, action: str, body: bytes, until: float | None, *, changes: bool) -> Any:
        end = self.deadline() if until is None else until
        attempt, pause = 1, _FIRST_PAUSE
        while True:
            # A read whose answer is lost on its way needs time for another attempt.
            share = 1.0 if changes or attempt >= _ATTEMPTS else 0.5
            try:
                return await self._attempt(action, body, end, share, changes=changes)
            except _Again as failure:
                wait = random.uniform(pause / 2, pause)  # noqa: S311
                if attempt >= failure.attempts or monotonic() + wait + _LEAST > end:
                    raise failure.final from failure.__cause__
                await asyncio.sleep(wait)
                if monotonic() + _LEAST > end:  # it slept longer: what is known now is better than an answer cut off
                    raise failure.final from failure.__cause__
            attempt, pause = attempt + 1, min(2 * pause, _LONGEST_PAUSE)

    async def _attempt(self, action: str, body: bytes, end: float, share: float, *, changes: bool) -> Any:
        key = self.credentials.key or await self._key(end)
        limit = (end - monotonic()) * share
        if limit <= 0:
            raise Unavailable("no time was left for DynamoDB", outcome_known=True)
        try:
            answer = await self.connections.post(self.signer.headers(key, action, body), body, limit)
        except NotSent as error:
            final = Unavailable(f"DynamoDB can't be reached: {error}", outcome_known=True)
            raise _Again(final, attempts=_ATTEMPTS) from error
        except NoAnswer as error:
            raise _lost(f"DynamoDB's answer was lost: {error}", changes=changes) from error
        if answer.status == 200:
            return _decoded(answer.body, changes=changes)
        raise self._judged(answer.status, answer.body, changes=changes)

    async def _key(self, end: float) -> Key:
        try:
            return await self.credentials.found(end - monotonic())
        except ConfigurationError as error:  # they were there when the store was opened
            raise Unavailable(str(error), outcome_known=True) from error

    def _judged(self, status: int, body: bytes, *, changes: bool) -> Exception:
        """What an answer that is not a success means."""
        if not 400 <= status < 500:
            return _lost(f"DynamoDB answered with status {status}", changes=changes)
        error = exception_from_response(status, body)
        if isinstance(error, _UNTRUSTED):
            self.credentials.forget()
            final = Unavailable(f"DynamoDB does not take the credentials: {reason(error)}", outcome_known=True)
            return _Again(final, attempts=2)
        if isinstance(error, _LATER) or _is_conflict(error):
            final = Unavailable(f"DynamoDB throttles: {reason(error)}", outcome_known=True)
            return _Again(final, attempts=_UNLIMITED)
        return error


def reason(error: Exception) -> str:
    """What DynamoDB said, in one line: what follows in its answer to a wrong signature repeats the session token."""
    said = error.args[0] if error.args else ""
    if isinstance(error, UnknownError):
        said = _parsed(error.body)
    if isinstance(said, dict):
        kind = str(said.get("__type", "")).rpartition("#")[2]
        message = str(said.get("message") or said.get("Message") or "")
        said = f"{kind}: {message}" if message else kind
    return str(said).partition("\n")[0][:300] or type(error).__name__


def _is_conflict(error: Exception) -> bool:
    """A write that lost against one in another region of a global table: it was not done."""
    return isinstance(error, UnknownError) and reason(error).startswith("ReplicatedWriteConflictException")


def _lost(message: str, *, changes: bool) -> Exception:
    final = Unavailable(message, outcome_known=not changes)
    return final if changes else _Again(final, attempts=_ATTEMPTS)


def _decoded(body: bytes, *, changes: bool) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _lost("DynamoDB's answer is not JSON", changes=changes) from error


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return "an answer that is not DynamoDB's"
